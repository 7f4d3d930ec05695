import { closeSync, constants, fstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { errnoOf, fail } from "../base/index.ts";
import { mount, mountFlags, openAt2 } from "./libc.ts";

const O_PATH = 0x20_0000;
const O_CLOEXEC = 0x8_0000;
const resolve = { noMagicLinks: 0x02, beneath: 0x08 } as const;
const attempts = 20;

/** A file or directory that is held, whatever happens to its name. */
export interface Held extends Disposable {
  readonly fd: number;
  readonly isDirectory: boolean;
}

/**
 * Opens `path` below the directory `root` by the kernel's own rule (openat2(2), RESOLVE_BENEATH): symlinks are followed
 * as long as they stay below, also when somebody changes them at this moment. Throws `not-found` / `host.no-such-path`
 * and `invalid` / `host.escapes`.
 */
export function openBeneath(root: string, path: string): Held {
  const base = openSync(root, O_PATH | O_CLOEXEC | constants.O_DIRECTORY);
  try {
    const fd = openRetrying(base, path, root);
    return { fd, isDirectory: fstatSync(fd).isDirectory(), [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    closeSync(base);
  }
}

function openRetrying(base: number, path: string, root: string): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return openAt2(base, path, O_PATH | O_CLOEXEC, resolve.beneath | resolve.noMagicLinks);
    } catch (error) {
      const code = errnoOf(error);
      // A rename on the way: the kernel can't tell whether it stayed below.
      if (code === "EAGAIN" && attempt < attempts) continue;
      if (code === "ENOENT" || code === "ENOTDIR") {
        throw fail("not-found", "host.no-such-path", `'${path}' is not there in '${root}'`, { cause: error });
      }
      if (code === "EXDEV" || code === "ELOOP" || code === "EAGAIN") {
        throw fail("invalid", "host.escapes", `'${path}' leads out of '${root}'`, { cause: error });
      }
      throw error;
    }
  }
}

/** Binds what is held at `target`, which is made: a directory, or an empty file. */
export function bindHeld(held: Held, target: string): void {
  if (held.isDirectory) mkdirSync(target, { recursive: true, mode: 0o700 });
  else writeFileSync(target, "", { mode: 0o600 });
  mount(`/proc/self/fd/${held.fd}`, target, "", mountFlags.bind | mountFlags.recursive);
}
