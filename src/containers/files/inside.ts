import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { chdir, chroot } from "../../host/index.ts";

export interface Inside {
  /** Absolute, as seen from inside the root, without symlinks (but for the last part, unless followed). */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "other";
  readonly stats: Stats;
}

/**
 * Runs `work` with `root` as `/`, so that no symlink, however hostile, leads out of it. Needs a main thread with a
 * filesystem context of its own (`createThreadNamespaces`); `work` must be synchronous and use absolute paths.
 */
export function insideRoot<T>(root: string, work: () => Exclude<T, Promise<unknown>>): T {
  const before = process.cwd();
  chdir("/");
  chroot(root);
  try {
    return work();
  } finally {
    // The working directory stayed the host's root: that is the way back.
    chroot(".");
    chdir(before);
  }
}

/**
 * Follows `path` inside `root`, as a process with that root would; undefined when there is nothing. With `follow` a
 * symlink at the end is followed too.
 */
export function resolveInside(root: string, path: string, follow = true): Inside | undefined {
  return insideRoot<Inside | undefined>(root, () =>
    walk(path, follow, { lstat: statAt, readlink: readlinkSync }),
  );
}

/** How `walk` looks at a path that has no symlinks but for its last part. */
export interface Looking {
  lstat(at: string): Stats | undefined;
  readlink(at: string): string;
}

const maxLinks = 40;

/** Follows `path` part by part, because realpath(3) of Bun needs /proc. */
export function walk(path: string, follow: boolean, looking: Looking): Inside | undefined {
  const at = lead(path, follow, looking, "stop");
  const stats = at === undefined ? undefined : looking.lstat(at);
  return stats && { path: at!, type: typeOf(stats), stats };
}

/** Where `path` leads to, also when nothing is there: what is missing counts as no symlink. */
export function farEnd(path: string, looking: Looking): string {
  return lead(path, true, looking, "go-on")!;
}

function lead(
  path: string,
  follow: boolean,
  looking: Looking,
  missing: "stop" | "go-on",
): string | undefined {
  const parts = split(path);
  let at = "/";
  let links = 0;
  while (parts.length > 0) {
    const part = parts.shift()!;
    if (part === "..") {
      at = at.slice(0, at.lastIndexOf("/")) || "/";
      continue;
    }
    const next = at === "/" ? `/${part}` : `${at}/${part}`;
    const stats = looking.lstat(next);
    if (!stats && missing === "stop") return undefined;
    if (!stats?.isSymbolicLink() || (parts.length === 0 && !follow)) {
      at = next;
      continue;
    }
    if (++links > maxLinks) {
      throw fail("invalid", "path.too-many-links", `too many levels of symbolic links: ${path}`);
    }
    const target = looking.readlink(next);
    parts.unshift(...split(target));
    if (target.startsWith("/")) at = "/";
  }
  return at;
}

function split(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** lstat(2); undefined when there is nothing. */
export function statAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function typeOf(stats: Stats): Inside["type"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}
