import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { fail } from "../../base/index.ts";
import { mount as mountFilesystem, mountFlags, removeTree, unmountAll } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import type { SourcePlace } from "../dockerfile/dockerfile-error.ts";
import type { MountOwner, RunMount } from "../dockerfile/instructions/run-mount.ts";
import { bind, type OpenedMount, type PreparedMount } from "./prepared-mount.ts";

/** BuildKit's limit (bytes); what is larger is no secret. */
const largestSecret = 500 * 1024;

/** `RUN --mount=type=secret`: a file on a tmpfs, a variable, or both. Its value is in no cache key. */
export function secretMount(
  run: BuildRun,
  place: SourcePlace,
  mount: Extract<RunMount, { type: "secret" }>,
  target: string | undefined,
): PreparedMount {
  const { id, env } = mount;
  const open = async (undo: AsyncDisposableStack): Promise<OpenedMount> => {
    const value = await run.request.secrets?.(id);
    if (value === undefined) return mount.required ? missing(place, `the secret '${id}'`, "secret") : {};
    if (value.length > largestSecret) {
      throw fail("invalid", "build.secret-too-large", `the secret '${id}' is larger than 500 KiB`);
    }
    const variables = env === undefined ? [] : [`${env}=${Buffer.from(value).toString()}`];
    if (target === undefined) return { env: variables };
    const source = join(secretsFolder(run, undo), "value");
    writeFileSync(source, value, { mode: 0o600 });
    give(source, mount.owner);
    return { mount: bind(source, target, true), env: variables };
  };
  return { target, key: ["secret", target ?? null, id, env ?? null], open };
}

/** In memory, so that no secret is ever written to a disk. */
function secretsFolder(run: BuildRun, undo: AsyncDisposableStack): string {
  const folder = join(run.folder, `secrets-${run.next()}`);
  mkdirSync(folder, { mode: 0o700 });
  undo.defer(() => removeTree(folder, { within: run.folder }));
  const { noSuid, noDev, noExec } = mountFlags;
  mountFilesystem("tmpfs", folder, "tmpfs", noSuid | noDev | noExec, "size=1m,mode=0700");
  undo.defer(() => unmountAll(folder, { lazy: true }));
  return folder;
}

/**
 * `RUN --mount=type=ssh`: a socket with the owner and the mode asked for, behind which the agent's own socket
 * answers. The first one of a step is SSH_AUTH_SOCK.
 */
export function sshMount(
  run: BuildRun,
  place: SourcePlace,
  mount: Extract<RunMount, { type: "ssh" }>,
  target: string,
  isFirst: boolean,
): PreparedMount {
  const open = async (undo: AsyncDisposableStack): Promise<OpenedMount> => {
    const agent = await run.request.ssh?.(mount.id);
    if (agent === undefined) return mount.required ? missing(place, `an SSH agent '${mount.id}'`, "ssh") : {};
    const socket = join(run.folder, `ssh-${run.next()}`);
    await forward(socket, agent, undo);
    give(socket, mount.owner);
    return { mount: bind(socket, target, false), ...(isFirst ? { env: [`SSH_AUTH_SOCK=${target}`] } : {}) };
  };
  return { target, key: ["ssh", target, mount.id], open };
}

async function forward(socket: string, agent: string, undo: AsyncDisposableStack): Promise<void> {
  const open = new Set<{ destroy(): void }>();
  const server = createServer((client) => {
    const upstream = connect(agent);
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    } // prettier-ignore
    client.pipe(upstream).pipe(client);
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(socket, resolve);
  await listening;
  undo.defer(() => {
    for (const one of open) one.destroy();
    server.close();
  });
}

function give(path: string, { mode, uid, gid }: MountOwner): void {
  chmodSync(path, mode);
  chownSync(path, uid, gid);
}

function missing(place: SourcePlace, what: string, option: "secret" | "ssh"): never {
  const text = `${place.file}:${place.line}: ${place.keyword}: ${what} is required, and the build was given none`;
  const hint = option === "secret" ? "virga build --secret id=NAME,src=FILE" : "virga build --ssh default";
  throw fail("invalid", `build.${option}-missing`, text, { hint });
}
