import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { errnoOf } from "../../base/index.ts";
import { getXattr } from "../../host/index.ts";
import { resolveInRoot, RootedPathError } from "../context/root-path.ts";

/** Where every container has something mounted. */
const alwaysMounted = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/** Empty files and folders that only exist to be mounted on, so that they do not get into the image. */
export interface MountStubs {
  /** Removes those that are still empty from the upper directory. */
  removeFrom(upper: string): void;
}

/** Looks, before the step, which mount points the runtime will have to make. */
export function findMountStubs(root: string, targets: readonly string[]): MountStubs {
  const missing = new Set<string>();
  const parents = new Map<string, { mode: number; uid: number; gid: number }>();
  for (const target of [...alwaysMounted, ...targets]) {
    for (const path of missingParts(root, target)) missing.add(path);
  }
  for (const path of missing) {
    const parent = posix.dirname(path);
    const stat = lstatSync(join(root, parent), { throwIfNoEntry: false });
    if (parent !== "." && stat) parents.set(parent, { mode: stat.mode, uid: stat.uid, gid: stat.gid });
  }
  return {
    removeFrom(upper) {
      for (const path of [...missing].toSorted().toReversed()) removeEmpty(join(upper, path));
      // A folder that was only copied up because a stub was made in it is no change either.
      for (const [path, before] of [...parents].toSorted(([a], [b]) => b.length - a.length)) {
        const here = join(upper, path);
        const now = lstatSync(here, { throwIfNoEntry: false });
        const same = now?.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
        if (now?.isDirectory() && same && !getXattr(here, "trusted.overlay.opaque"))
          removeCopiedUp(upper, path);
      }
    },
  };
}

/** The path itself and the folders on the way to it that are not there, the outermost first. */
function missingParts(root: string, target: string): string[] {
  try {
    let { path, exists } = resolveInRoot(root, target);
    const found: string[] = [];
    while (!exists && path !== "" && path !== ".") {
      found.unshift(path);
      path = dirname(path);
      exists = lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined;
    }
    return found;
  } catch (error) {
    if (error instanceof RootedPathError) return [];
    throw error;
  }
}

function removeEmpty(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) removeFolder(path);
  else if (stat?.isFile() && stat.size === 0) unlinkSync(path);
}

function removeCopiedUp(upper: string, path: string): void {
  for (let here = path; here !== "." && here !== ""; here = dirname(here)) {
    if (readdirSync(join(upper, here)).length > 0) return;
    removeFolder(join(upper, here));
  }
}

function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOTEMPTY" && errnoOf(error) !== "EEXIST") throw error;
  }
}
