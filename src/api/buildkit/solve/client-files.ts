import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../../base/index.ts";
import { syncFolder } from "../sessions/file-sync.ts";
import type { KeptFolders } from "../sessions/kept-folders.ts";
import type { Session, Sessions } from "../sessions/sessions.ts";
import { codes, RpcError } from "../rpc/status.ts";
import type { DockerfileAttributes } from "./attributes.ts";
import type { Solve } from "./solves.ts";

/** What loading a client's files for a solve needs. */
export interface ClientFiles {
  readonly sessions: Sessions;
  readonly folders: KeptFolders;
  readonly solve: Solve;
  readonly attributes: DockerfileAttributes;
  readonly signal: AbortSignal;
}

/** The Dockerfile, and the ignore file that belongs to it alone. */
export async function loadDockerfile(
  files: ClientFiles,
): Promise<{ text: string; ignore: string | undefined; folder: string }> {
  const { filename, dockerfileName } = files.attributes;
  const lower = filename.replace(/Dockerfile$/, "dockerfile");
  const follow = [...new Set([filename, `${filename}.dockerignore`, lower])];
  const title = `[internal] load build definition from ${filename}`;
  const folder = await loadFolder(files, { title, name: dockerfileName, follow });
  const text = read(folder, filename) ?? read(folder, lower);
  if (text === undefined) {
    throw new RpcError(
      codes.unknown,
      `failed to read dockerfile: open ${filename}: no such file or directory`,
    );
  }
  return { text, ignore: read(folder, `${filename}.dockerignore`), folder };
}

/** The .dockerignore of a folder of the client. */
export async function loadIgnore(files: ClientFiles, name: string, prefix = ""): Promise<string> {
  const title = `[${prefix || "internal"}] load .dockerignore`;
  const folder = await loadFolder(files, { title, name, follow: [".dockerignore"] });
  return read(folder, ".dockerignore") ?? "";
}

/** A folder to build from, kept for the next build; without what `ignore` says. */
export async function loadContext(
  files: ClientFiles,
  { title, name, ignore }: { readonly title: string; readonly name: string; readonly ignore: string },
): Promise<string> {
  const { sharedKey } = await sessionOf(files, name);
  const key = files.solve.request.frontendAttrs[`sharedkey:localdir:${name}`] || sharedKey;
  const lines = ignore.split("\n").map((one) => one.trim());
  return await loadFolder(files, {
    title,
    name,
    ...(key === "" ? {} : { key: JSON.stringify([name, key]) }),
    exclude: lines.filter((one) => one !== "" && !one.startsWith("#")),
  });
}

interface Folder {
  readonly title: string;
  /** The client's name of it. */
  readonly name: string;
  /** What it is kept under for later builds; without it is not kept. */
  readonly key?: string;
  readonly follow?: readonly string[];
  readonly exclude?: readonly string[];
}

async function loadFolder(files: ClientFiles, folder: Folder): Promise<string> {
  const { folders, solve, signal } = files;
  const session = await sessionOf(files, folder.name);
  const lent = solve.undo.use(await folders.lend(folder.key ?? ""));
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
    vertex.complete({ error: messageOf(error) });
    throw error;
  }
}

/** The session that has a folder: usually the solve's own. */
async function sessionOf(
  { sessions, solve, attributes, signal }: ClientFiles,
  name: string,
): Promise<Session> {
  const other = attributes.sessions[name];
  return other === undefined ? solve.session : await sessions.get(other, signal);
}

function read(folder: string, path: string): string | undefined {
  try {
    return readFileSync(join(folder, path), "utf8");
  } catch {
    return undefined;
  }
}
