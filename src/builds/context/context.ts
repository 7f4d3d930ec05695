import { existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fail, type Clock } from "../../base/index.ts";
import type { Archives } from "../../layers/index.ts";
import type { State } from "../../state/index.ts";
import type { BuildContext, BuildRequest } from "../build.ts";
import { fetchContext, type FetchedContext } from "../remote/remote-context.ts";
import { createFileDigests, type FileDigests } from "./file-digests.ts";
import { ignoreNothing, parseIgnore, type IgnoreRules } from "./ignore.ts";
import { resolveInRoot, RootedPathError } from "./root-path.ts";
import type { SourceTree } from "./source-tree.ts";

/** The files a build was given, and its Dockerfile. */
export interface OpenContext {
  readonly tree: SourceTree;
  readonly digests: FileDigests;
  readonly dockerfile: { readonly text: string; readonly name: string };
}

export interface ContextDependencies {
  readonly archives: Archives;
  readonly state: State;
  readonly clock: Clock;
}

/** Files of a tar that are hashed as they come; reading a smaller one again costs next to nothing. */
const hashFrom = 64 << 10;

/** So large a Dockerfile is none. */
const largestDockerfile = 4 << 20;

/**
 * A folder is read in place; a tar is unpacked to `folder`, which the caller removes. Throws `invalid` /
 * `build.context-not-found`, `build.dockerfile-not-found`, and what `Archives.extract` throws.
 */
export async function openContext(
  dependencies: ContextDependencies,
  request: BuildRequest,
  folder: string,
  signal: AbortSignal,
): Promise<OpenContext> {
  const { context } = request;
  const { root, dockerfileText, hashed } = await openRoot(
    dependencies,
    request,
    context,
    "the build context",
    folder,
    signal,
  );
  const name = request.dockerfile ?? "Dockerfile";
  const given = request.dockerfileText ?? dockerfileText;
  const text = given ?? readInside(root, name);
  if (text === undefined) {
    throw fail(
      "invalid",
      "build.dockerfile-not-found",
      `failed to read dockerfile: no '${name}' in the context`,
      {
        hint: "name it with -f, relative to the context",
      },
    );
  }
  const state = context.kind === "directory" ? dependencies.state : undefined;
  return {
    tree: {
      label: "the build context",
      root,
      ignore: withoutLock(ignoreOf(root, name, request.ignoreText), `${name}.lock`),
      keepOwner: false,
    },
    digests: createFileDigests(dependencies.clock, state, hashed),
    dockerfile: { text, name },
  };
}

/** A named context: its own `.dockerignore` counts in it. Throws as `openContext` does. */
export async function openNamedContext(
  dependencies: ContextDependencies,
  request: BuildRequest,
  name: string,
  context: BuildContext,
  folder: string,
  signal: AbortSignal,
): Promise<Omit<OpenContext, "dockerfile">> {
  const label = `the context '${name}'`;
  const { root, hashed } = await openRoot(dependencies, request, context, label, folder, signal);
  const text = readInside(root, ".dockerignore");
  const ignore = text === undefined ? ignoreNothing : parseIgnore(text, ".dockerignore");
  const state = context.kind === "directory" ? dependencies.state : undefined;
  return {
    tree: { label, root, ignore, keepOwner: false },
    digests: createFileDigests(dependencies.clock, state, hashed),
  };
}

/** Where the files of a context are; those that are not on the machine yet are put into `folder`. */
async function openRoot(
  { archives }: ContextDependencies,
  { buildArgs = {}, secrets, ssh }: BuildRequest,
  context: BuildContext,
  label: string,
  folder: string,
  signal: AbortSignal,
): Promise<FetchedContext> {
  if (context.kind === "directory") {
    if (lstatSync(`${context.path}/.`, { throwIfNoEntry: false })?.isDirectory())
      return { root: context.path };
    throw fail("invalid", "build.context-not-found", `${label} '${context.path}' is not a folder`);
  }
  if (context.kind === "remote") {
    const keepGitDir = /^(1|t|true)$/i.test(buildArgs["BUILDKIT_CONTEXT_KEEP_GIT_DIR"] ?? "");
    return await fetchContext(archives, context.url, folder, { secrets, ssh, signal, keepGitDir });
  }
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { digests } = await archives.extract(context.source, folder, "/", { signal, hashFrom });
  const hashed = new Map(Object.entries(digests).map(([path, digest]) => [`${folder}${path}`, digest]));
  return { root: folder, hashed };
}

/** The lock file comes to be after the build that it tells of, which must give the same image with it. */
function withoutLock(rules: IgnoreRules, lock: string): IgnoreRules {
  return { ...rules, excludes: (path) => path === lock || rules.excludes(path) };
}

/** `NAME.dockerignore` beside the Dockerfile comes before `.dockerignore`. */
function ignoreOf(root: string, dockerfile: string, given: string | undefined): IgnoreRules {
  if (given !== undefined) return parseIgnore(given, ".dockerignore");
  for (const name of [`${dockerfile}.dockerignore`, ".dockerignore"]) {
    const text = readInside(root, name);
    if (text !== undefined) return parseIgnore(text, name);
  }
  return ignoreNothing;
}

/** A text file of the context; symlinks stay inside it. */
function readInside(root: string, path: string): string | undefined {
  try {
    const rooted = resolveInRoot(root, path);
    if (!rooted.exists || !existsSync(rooted.absolute)) return undefined;
    const stat = lstatSync(rooted.absolute);
    if (!stat.isFile()) return undefined;
    if (stat.size > largestDockerfile) {
      throw fail("invalid", "build.file-too-large", `${join(path)} is larger than 4 MiB`);
    }
    return readFileSync(rooted.absolute, "utf8");
  } catch (error) {
    if (error instanceof RootedPathError) return undefined;
    throw error;
  }
}
