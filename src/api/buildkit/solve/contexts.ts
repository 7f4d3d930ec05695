import { fail } from "../../../base/index.ts";
import { parseNamedContext, type BuildContext, type NamedContext } from "../../../builds/index.ts";
import { uploadOf } from "../sessions/lent.ts";
import { loadContext, loadDockerfile, loadIgnore, type ClientFiles } from "./client-files.ts";
import { platformName } from "./platforms.ts";
import { imageOfInput, type Inputs } from "./references.ts";

/** Where a build's files come from. */
export interface BuildFiles {
  readonly context: BuildContext;
  /** Unless it is in the context. */
  readonly dockerfileText?: string;
  readonly ignoreText?: string;
}

/** The address by which a client gives us what comes from its standard input. */
const uploadHost = "buildkit-session";

/** The context and the Dockerfile. */
export async function loadBuildFiles(files: ClientFiles): Promise<BuildFiles> {
  const { remoteContext, dockerfileName, contextName, localDockerfile } = files.attributes;
  const dockerfile = remoteContext === undefined || localDockerfile ? await loadDockerfile(files) : undefined;
  if (remoteContext !== undefined) {
    return {
      context: remote(files, remoteContext),
      ...(dockerfile ? { dockerfileText: dockerfile.text } : {}),
      ...(dockerfile?.ignore === undefined ? {} : { ignoreText: dockerfile.ignore }),
    };
  }
  if (dockerfile === undefined) throw new Error(`the folder ${dockerfileName} was not loaded`);
  const { subrequest } = files.attributes;
  const looksAtContext = subrequest === undefined || subrequest === "frontend.lint";
  const ignoreText = dockerfile.ignore ?? (looksAtContext ? await loadIgnore(files, contextName) : "");
  // A question about the Dockerfile needs no other file.
  if (subrequest !== undefined) {
    return {
      context: { kind: "directory", path: dockerfile.folder },
      dockerfileText: dockerfile.text,
      ignoreText,
    };
  }
  const title = "[internal] load build context";
  const path = await loadContext(files, { title, name: contextName, ignore: ignoreText });
  return { context: { kind: "directory", path }, dockerfileText: dockerfile.text, ignoreText };
}

function remote({ solve, signal }: ClientFiles, address: string): BuildContext {
  const url = URL.parse(address);
  if (url?.host === uploadHost) return { kind: "tar", source: uploadOf(solve.session, url, signal) };
  const context = parseNamedContext(address);
  if (context.kind === "remote") return context;
  throw fail("invalid", "buildkit.context", `'${address}' can't be a build context`);
}

/** Named contexts by the keys that the client gave them: a name, or one for a platform (`base::linux/arm64`). */
export type ClientContexts = Readonly<Record<string, NamedContext>>;

/** What `--build-context` names, and the targets of one bake that others build upon. */
export async function loadNamedContexts(files: ClientFiles, inputs: Inputs): Promise<ClientContexts> {
  const contexts: Record<string, NamedContext> = {};
  for (const [key, value] of Object.entries(files.attributes.namedContexts)) {
    contexts[key] = await namedContext(files, inputs, key.split("::")[0]!, value);
  }
  return contexts;
}

/** Those that a build for `platform` takes, by their names. */
export function contextsFor(contexts: ClientContexts, platform: string): Record<string, NamedContext> {
  const chosen: Record<string, NamedContext> = {};
  for (const [key, context] of Object.entries(contexts)) {
    const [name = key, wanted] = key.split("::");
    if (wanted === undefined) chosen[name] ??= context;
    else if (platformName(wanted) === platform) chosen[name] = context;
  }
  return chosen;
}

async function namedContext(
  files: ClientFiles,
  inputs: Inputs,
  name: string,
  value: string,
): Promise<NamedContext> {
  const [, scheme = "", rest = ""] = /^(local|input|oci-layout):(.*)$/s.exec(value) ?? [];
  if (scheme === "local") {
    const ignore = await loadIgnore(files, rest, `context ${name}`);
    const path = await loadContext(files, {
      title: `[context ${name}] load from client`,
      name: rest,
      ignore,
    });
    return { kind: "directory", path };
  }
  if (scheme === "input") return { kind: "image", reference: imageOfInput(inputs, rest) };
  if (scheme === "") {
    const context = parseNamedContext(value);
    // A path here would be one of the daemon's machine, not of the client's.
    if (context.kind !== "directory") return context;
  }
  throw fail(
    "unimplemented",
    "buildkit.named-context",
    `the named context ${name}=${value} is not supported`,
  );
}
