import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fail, systemClock } from "../base/index.ts";
import type { Client } from "../api/client/index.ts";
import { home } from "./home.ts";
import { installPackages, missingPackages } from "../doctor/index.ts";

/** Installs what the host lacks and starts the daemon for `root`; `running` looks for it. */
export async function bringUp(
  root: string,
  running: (root: string) => Promise<Client | undefined>,
  say: (line: string) => void,
): Promise<Client> {
  await installMissing(say);
  return await startDaemon(root, running, say);
}

async function installMissing(say: (line: string) => void): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say("this machine lacks some Debian packages; asking apt for:");
  for (const one of missing) say(`  ${one.name.padEnd(14)} ${one.purpose}`);
  await installPackages(missing.map((one) => one.name));
}

async function startDaemon(
  root: string,
  running: (root: string) => Promise<Client | undefined>,
  say: (line: string) => void,
): Promise<Client> {
  say(`starting the daemon for ${root}`);
  mkdirSync(join(root, "log"), { recursive: true, mode: 0o710 });
  const early = join(root, "log", "start.log");
  const output = openSync(early, "w", 0o600);
  const program = join(home, "src/main.ts");
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
    const client = await running(root);
    if (client) return client;
    if (child.exitCode !== null) break;
    await systemClock.sleep(turn < 50 ? 20 : 100);
  }
  const said = readFileSync(early, "utf8").trim().split("\n").slice(-5).join("\n");
  throw fail("unavailable", "daemon.did-not-start", `the daemon did not start:\n${said}`, {
    hint: `virga doctor; or see ${join(root, "log")}`,
  });
}
