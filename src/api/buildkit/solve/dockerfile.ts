import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../../base/index.ts";
import type { BuildRequest, Builds } from "../../../builds/index.ts";
import type { Images } from "../../../images/index.ts";
import { syncFolder } from "../sessions/file-sync.ts";
import type { KeptFolders } from "../sessions/kept-folders.ts";
import type { Session, Sessions } from "../sessions/sessions.ts";
import { codes, RpcError } from "../rpc/status.ts";
import { decodeAttributes, type DockerfileAttributes } from "./attributes.ts";
import { showBuild } from "./build-progress.ts";
import type { BuiltResult } from "./result.ts";
import type { Solve } from "./solves.ts";

export interface FrontendDependencies {
  readonly builds: Pick<Builds, "build">;
  readonly images: Pick<Images, "resolve">;
  readonly sessions: Sessions;
  readonly folders: KeptFolders;
}

/** The frontend `dockerfile.v0`: gets the client's files and builds. */
export async function solveDockerfile(
  dependencies: FrontendDependencies,
  solve: Solve,
  given: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<BuiltResult> {
  const attributes = decodeAttributes(given);
  const files = { dependencies, solve, attributes, signal };
  const dockerfile = await loadDockerfile(files);
  const ignore = dockerfile.ignore ?? (await loadIgnore(files));
  const context = await loadContext(files, ignore);
  const request = requestOf(attributes, { dockerfile: dockerfile.text, ignore, context });
  const onEvent = showBuild(solve.progress, { name: attributes.filename, text: dockerfile.text });
  const { imageId } = await dependencies.builds.build(request, { onEvent, signal });
  const image = dependencies.images.resolve(imageId);
  return {
    id: newId(),
    image,
    metadata: { "containerimage.config": Buffer.from(JSON.stringify(image.config)) },
  };
}

interface Files {
  readonly dependencies: FrontendDependencies;
  readonly solve: Solve;
  readonly attributes: DockerfileAttributes;
  readonly signal: AbortSignal;
}

function requestOf(
  attributes: DockerfileAttributes,
  files: { readonly dockerfile: string; readonly ignore: string; readonly context: string },
): BuildRequest {
  const { target, platform, networkMode, shmSize, buildArgs, labels, extraHosts } = attributes;
  return {
    context: { kind: "directory", path: files.context },
    dockerfile: attributes.filename,
    dockerfileText: files.dockerfile,
    ignoreText: files.ignore,
    buildArgs,
    labels,
    extraHosts,
    noCache: attributes.noCache,
    pull: attributes.pull,
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(networkMode === undefined ? {} : { networkMode }),
    ...(shmSize === undefined ? {} : { shmSize }),
  };
}

/** The Dockerfile, and the ignore file that belongs to it alone. */
async function loadDockerfile(files: Files): Promise<{ text: string; ignore: string | undefined }> {
  const { filename, dockerfileName } = files.attributes;
  const lower = filename.replace(/Dockerfile$/, "dockerfile");
  const follow = [filename, `${filename}.dockerignore`, lower];
  const folder = await loadFolder(files, {
    title: `[internal] load build definition from ${filename}`,
    name: dockerfileName,
    key: undefined,
    follow,
  });
  const text = read(folder, filename) ?? read(folder, lower);
  if (text === undefined) {
    throw new RpcError(
      codes.unknown,
      `failed to read dockerfile: open ${filename}: no such file or directory`,
    );
  }
  return { text, ignore: read(folder, `${filename}.dockerignore`) };
}

async function loadIgnore(files: Files): Promise<string> {
  const folder = await loadFolder(files, {
    title: "[internal] load .dockerignore",
    name: files.attributes.contextName,
    key: undefined,
    follow: [".dockerignore"],
  });
  return read(folder, ".dockerignore") ?? "";
}

async function loadContext(files: Files, ignore: string): Promise<string> {
  const name = files.attributes.contextName;
  const session = await sessionOf(files, name);
  return await loadFolder(files, {
    title: "[internal] load build context",
    name,
    key: session.sharedKey === "" ? "" : JSON.stringify([name, session.sharedKey]),
    exclude: ignore
      .split("\n")
      .map((one) => one.trim())
      .filter((one) => one !== "" && !one.startsWith("#")),
  });
}

/** The session that has a folder: usually the solve's own. */
async function sessionOf({ dependencies, solve, attributes, signal }: Files, name: string): Promise<Session> {
  const other = attributes.sessions[name];
  return other === undefined ? solve.session : await dependencies.sessions.get(other, signal);
}

interface Folder {
  readonly title: string;
  readonly name: string;
  /** What it is kept under for later builds; undefined: not kept. */
  readonly key: string | undefined;
  readonly follow?: readonly string[];
  readonly exclude?: readonly string[];
}

async function loadFolder(files: Files, folder: Folder): Promise<string> {
  const { dependencies, solve, signal } = files;
  const session = await sessionOf(files, folder.name);
  const lent = solve.undo.use(await dependencies.folders.lend(folder.key ?? ""));
  const vertex = solve.progress.vertex({ name: folder.title });
  const line = `transferring ${folder.name}:`;
  let shown = 0;
  try {
    const { bytes } = await syncFolder(session, folder, lent.path, {
      signal,
      onProgress(progress) {
        if (progress.bytes - shown < 1 << 20) return;
        shown = progress.bytes;
        vertex.status(line, { current: shown });
      },
    });
    vertex.status(line, { current: bytes, done: true });
    vertex.complete();
    return lent.path;
  } catch (error) {
    vertex.complete({ error: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

function read(folder: string, path: string): string | undefined {
  try {
    return readFileSync(join(folder, path), "utf8");
  } catch {
    return undefined;
  }
}
