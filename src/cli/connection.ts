import { closeSync, mkdirSync, openSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fail, isVirgaError, systemClock } from "../base/index.ts";
import { createClient, type Client } from "../api/client/index.ts";
import { installPackages, missingPackages } from "../doctor/index.ts";

export const defaultRoot = "/var/lib/virga";

/** Where the sockets of the daemon at `root` are: in /run/virga for the default root, below the root otherwise. */
export function runDirectory(root: string): string {
  return resolve(root) === defaultRoot ? "/run/virga" : join(absolute(root), "run");
}

/** A client of the daemon at `root`, or undefined when none answers. */
export async function runningDaemon(root: string): Promise<Client | undefined> {
  const unix = join(runDirectory(root), "virga.sock");
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
  throw fail("unavailable", "daemon.not-running", `no daemon runs for ${absolute(root)}`, {
    hint: "virga up FOLDER starts one; or: virga serve",
  });
}

/** A client of the daemon at `root`; installs what the host lacks and starts the daemon when none runs. */
export async function ensureDaemon(root: string, say: (line: string) => void): Promise<Client> {
  const running = await runningDaemon(root);
  if (running) return running;
  if (process.getuid?.() !== 0) {
    throw fail("permission", "cli.not-root", "the daemon needs root", { hint: "run it again with sudo" });
  }
  await installMissing(say);
  return await startDaemon(absolute(root), say);
}

async function installMissing(say: (line: string) => void): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say("this machine lacks some Debian packages; asking apt for:");
  for (const one of missing) say(`  ${one.name.padEnd(14)} ${one.purpose}`);
  await installPackages(missing.map((one) => one.name));
}

async function startDaemon(root: string, say: (line: string) => void): Promise<Client> {
  say(`starting the daemon for ${root}`);
  mkdirSync(join(root, "log"), { recursive: true, mode: 0o710 });
  const early = join(root, "log", "start.log");
  const output = openSync(early, "w", 0o600);
  const program = join(dirname(Bun.main), "main.ts");
  const child = Bun.spawn([process.execPath, program, "serve", "--root", root], {
    cwd: "/",
    stdin: "ignore",
    stdout: output,
    stderr: output,
    detached: true,
  });
  closeSync(output);
  child.unref();
  for (let turn = 0; turn < 600; turn++) {
    const client = await runningDaemon(root);
    if (client) return client;
    if (child.exitCode !== null) break;
    await systemClock.sleep(turn < 50 ? 20 : 100);
  }
  const said = readFileSync(early, "utf8").trim().split("\n").slice(-5).join("\n");
  throw fail("unavailable", "daemon.did-not-start", `the daemon did not start:\n${said}`, {
    hint: `virga doctor; or see ${join(root, "log")}`,
  });
}

/** As the daemon names its root: absolute, symlinks resolved where the folder exists. */
function absolute(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    return resolve(root);
  }
}
