import { fail, isVirgaError } from "../base/index.ts";
import type { Client } from "../api/client/index.ts";
import { createDockerClient, type DockerClient } from "../api/client/docker/index.ts";
import { absolutePath } from "./paths.ts";
import { tell } from "./terminal.ts";

export const defaultRoot = "/var/lib/virga";

/** Where the sockets of the daemon at `root` are: in /run/virga for the default root, below the root otherwise. */
export function runDirectory(root: string): string {
  const path = absolutePath(root);
  return path === defaultRoot ? "/run/virga" : `${path}/run`;
}

/** A client of the daemon at `root`, or undefined when none answers. */
export async function runningDaemon(root: string): Promise<Client | undefined> {
  const { createClient } = await import("../api/client/index.ts");
  const unix = `${runDirectory(root)}/virga.sock`;
  const client = createClient((path, init) => fetch(`http://virga${path}`, { ...init, unix }));
  try {
    await client.system();
    return client;
  } catch (error) {
    if (isVirgaError(error, "unavailable")) return undefined;
    throw error;
  }
}

export async function needDaemon(root: string): Promise<Client> {
  const client = await runningDaemon(root);
  if (client) return client;
  throw notRunning(root);
}

function notRunning(root: string): Error {
  return fail("unavailable", "daemon.not-running", `no daemon runs for ${absolute(root)}`, {
    hint: "virga up FOLDER or virga run IMAGE starts one; or: virga serve",
  });
}

/** A client of the daemon at `root`; installs what the host lacks and starts the daemon when none runs. */
export async function ensureDaemon(root: string, say: (line: string) => void = sayLine): Promise<Client> {
  const running = await runningDaemon(root);
  if (running) return running;
  if (process.getuid?.() !== 0) {
    throw fail("permission", "cli.not-root", "the daemon needs root", { hint: "run it again with sudo" });
  }
  const { bringUp } = await import("./daemon-start.ts");
  return await bringUp(absolute(root), runningDaemon, say);
}

function sayLine(line: string): void {
  tell(`virga: ${line}`);
}

/**
 * The engine of the daemon at `root`. `start` is for commands that make something: they start the daemon when none
 * runs; for the others that is an error.
 */
export function engineOf(root: string, options: { readonly start?: boolean } = {}): DockerClient {
  return createDockerClient({
    socket: `${runDirectory(root)}/docker.sock`,
    wake: options.start === true ? () => ensureDaemon(root) : () => Promise.reject(notRunning(root)),
  });
}

/** As the daemon names its root: absolute, symlinks resolved where the folder exists. */
function absolute(root: string): string {
  try {
    return process.getBuiltinModule("node:fs").realpathSync(root);
  } catch {
    return absolutePath(root);
  }
}
