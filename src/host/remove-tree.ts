import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { dirname, isAbsolute, normalize } from "node:path";
import { errnoOf, fail } from "../base/index.ts";
import { mountsBelow } from "./mounts.ts";
import { run } from "./spawn.ts";

export interface RemoveOptions {
  /** The directory that must hold `path`, at any depth. Itself it is never removed. */
  readonly within: string;
}

/**
 * Removes the file or directory at `path` with all below it; does nothing when there is none. Both paths are absolute.
 * A symlink at `path` is removed, never followed, and none is followed below it.
 *
 * Throws `invalid` / `host.outside-root` when `path` is not inside `within` (also by way of a symlink on the way), and
 * `conflict` / `host.mounted-inside` when something is mounted at it or below it; then nothing was removed.
 * What lies there may be hostile (a container's files), so coreutils' rm does the work: it walks by open directory, stays on
 * one filesystem and is not slowed down by a chain of 100,000 directories. Immutable files are made mutable. Only what
 * is small is removed right here, in the same manner: that takes a tenth of the time that a child process needs.
 */
export async function removeTree(path: string, options: RemoveOptions): Promise<void> {
  if (!existsAt(path)) return;
  refuseOutside(path, options.within);
  const inside = mountsBelow(path)[0];
  if (inside) {
    throw fail("conflict", "host.mounted-inside", `'${inside.target}' is mounted, so '${path}' stays`, {
      hint: `unmount it first: umount '${inside.target}'`,
    });
  }
  if (removedHere(path)) return;
  const command = ["rm", "-rf", "--one-file-system", "--", path];
  const first = await run(command);
  if (first.exitCode === 0) return;
  await run(["chattr", "-R", "-f", "-i", "-a", "--", path]).catch(() => undefined);
  const second = await run(command);
  if (second.exitCode === 0) return;
  throw fail(
    "internal",
    "host.not-removed",
    `'${path}' can't be removed: ${second.stderr.trim().slice(-500)}`,
    {
      hint: `look at what is left: ls -la '${path}'`,
    },
  );
}

function existsAt(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function refuseOutside(path: string, within: string): void {
  const plain = isAbsolute(path) && normalize(path) === path && !path.endsWith("/");
  if (plain && existsSync(within)) {
    const root = realpathSync(within);
    const parent = realpathSync(dirname(path));
    if (parent === dirname(path) && (parent === root || parent.startsWith(`${root}/`))) return;
  }
  throw fail("invalid", "host.outside-root", `'${path}' is not inside '${within}', so it stays`);
}

/** More entries than this, or one that is larger, would hold up the event loop. */
const smallTree = { entries: 100, fileBytes: 1 << 20, directoryBytes: 4096 };

const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** False when the tree is not small, or something in it stands in the way; what was removed until then is gone. */
function removedHere(path: string): boolean {
  try {
    const { dev } = lstatSync(path);
    return removeEntry(path, { dev, left: smallTree.entries });
  } catch (error) {
    // Immutable, changed meanwhile, or a name that is no UTF-8: rm knows what to do.
    if (errnoOf(error) !== undefined) return false;
    throw error;
  }
}

function removeEntry(path: string, tree: { readonly dev: number; left: number }): boolean {
  const status = lstatSync(path);
  if (tree.left-- === 0 || status.dev !== tree.dev) return false;
  if (!status.isDirectory()) {
    if (status.size > smallTree.fileBytes) return false;
    unlinkSync(path);
    return true;
  }
  if (status.size > smallTree.directoryBytes || !emptyDirectory(path, tree)) return false;
  rmdirSync(path);
  return true;
}

/** By its open descriptor, so that nothing that takes the directory's place leads elsewhere. */
function emptyDirectory(path: string, tree: { readonly dev: number; left: number }): boolean {
  const fd = openSync(path, openDirectory);
  try {
    if (fstatSync(fd).dev !== tree.dev) return false;
    const here = `/proc/self/fd/${fd}`;
    return readdirSync(here).every((name) => removeEntry(`${here}/${name}`, tree));
  } finally {
    closeSync(fd);
  }
}
