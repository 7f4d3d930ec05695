import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail, messageOf } from "../../../base/index.ts";
import type { WireBuild } from "../../../api/client/index.ts";
import type { Invocation } from "../../command.ts";
import { isAddress } from "./build-inputs.ts";

/** What `--lock` and `--locked` ask for. */
export function lockInputs(invocation: Invocation): Pick<WireBuild, "lock" | "locked"> {
  const [lock, locked] = [invocation.flag("lock"), invocation.flag("locked")];
  if (lock && locked) {
    throw fail("invalid", "cli.usage", "--lock writes what --locked reads", {
      hint: "virga build --lock FOLDER, and from then on: virga build --locked FOLDER",
    });
  }
  if (!lock && !locked) return {};
  const file = lockFile(invocation);
  return lock ? { lock } : { locked: readLock(file) };
}

export function writeLock(invocation: Invocation, lock: unknown): void {
  writeFileSync(lockFile(invocation), `${JSON.stringify(lock, null, 2)}\n`);
}

/** Beside the Dockerfile. */
function lockFile(invocation: Invocation): string {
  const [folder = ""] = invocation.arguments;
  const file = invocation.text("file");
  if (folder === "-" || file === "-" || isAddress(folder)) {
    throw fail("invalid", "cli.usage", "a lock file stands beside a Dockerfile in a folder of this machine");
  }
  return `${file === undefined ? join(resolve(folder), "Dockerfile") : resolve(file)}.lock`;
}

function readLock(file: string): unknown {
  if (!existsSync(file)) {
    throw fail("not-found", "cli.no-such-file", `there is no ${file}`, {
      hint: "virga build --lock FOLDER writes it",
    });
  }
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw fail("invalid", "build.lock-malformed", `${file} is no JSON: ${messageOf(error)}`, {
      hint: "virga build --lock FOLDER writes it again",
    });
  }
}
