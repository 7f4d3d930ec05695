import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/index.ts";

/** Where a path inside a root leads when symlinks are followed as if the root were `/`. */
export interface RootedPath {
  /** Relative to the root, without symlinks; empty for the root itself. */
  readonly path: string;
  /** The same below the root's own path. */
  readonly absolute: string;
  readonly exists: boolean;
  /** A symlink on the way pointed above the root and was held there, or to an absolute path that is not in it. */
  readonly escaped: boolean;
}

/** A path that turns in circles, or goes through something that is not a folder. */
export class RootedPathError extends Error {
  override name = "RootedPathError";
}

/** As many symlinks as Linux follows (path_resolution(7)). */
const mostLinks = 40;

/**
 * Resolves `path` inside `root`, which must not change meanwhile. With `followLast` false a symlink at the end stays.
 * Parts that do not exist are kept as they are.
 */
export function resolveInRoot(root: string, path: string, followLast = true): RootedPath {
  const done: string[] = [];
  let pending = path.split("/");
  let links = 0;
  let exists = true;
  let escaped = false;
  let absolute = false;
  while (pending.length > 0) {
    const [part, ...rest] = pending as [string, ...string[]];
    pending = rest;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (done.length === 0) escaped ||= links > 0;
      done.pop();
      continue;
    }
    const here = join(root, ...done, part);
    const stat = exists ? statOf(here) : undefined;
    if (stat === undefined) exists = false;
    const last = pending.every((one) => one === "" || one === ".");
    if (stat?.isSymbolicLink() && (followLast || !last)) {
      if (++links > mostLinks) throw new RootedPathError(`too many symlinks on the way to ${path}`);
      const target = readlinkSync(here);
      if (target.startsWith("/")) {
        done.length = 0;
        absolute = true;
      }
      pending = [...target.split("/"), ...pending];
      continue;
    }
    if (stat && !stat.isDirectory() && !last) {
      throw new RootedPathError(`${[...done, part].join("/")} is not a folder, on the way to ${path}`);
    }
    done.push(part);
  }
  escaped ||= absolute && !exists;
  return { path: done.join("/"), absolute: join(root, ...done), exists, escaped };
}

function statOf(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}
