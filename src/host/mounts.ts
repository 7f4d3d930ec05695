import { readFileSync } from "node:fs";
import { errnoOf, fail } from "../base/index.ts";
import { chdir, mount, mountFlags, unmount } from "./libc.ts";

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  readonly id: number;
  readonly target: string;
  /** The directory of the filesystem that is mounted here; not `/` for a bind mount of a part. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
  readonly readOnly: boolean;
}

/** The mounts that this thread sees, in the order they were made. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(readFileSync("/proc/thread-self/mountinfo", "utf8"));
}

export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [left, right] = line.split(" - ") as [string, string];
      const [id, , , root, target, options] = left.split(" ");
      const [type, source] = right.split(" ");
      return {
        id: Number(id),
        target: unescapeOctal(target!),
        root: unescapeOctal(root!),
        type: type!,
        source: unescapeOctal(source!),
        readOnly: options!.split(",").includes("ro"),
      };
    });
}

/** The kernel writes space, tab, newline and backslash as `\040` and so on. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** Mounts at `path` or below it, in the order they were made. `path` must be absolute and without symlinks. */
export function mountsBelow(path: string): MountEntry[] {
  return listMounts().filter((one) => one.target === path || one.target.startsWith(`${path}/`));
}

export function isMountPoint(path: string): boolean {
  return listMounts().some((one) => one.target === path);
}

export interface OverlayOptions {
  /** From the top to the bottom, as the kernel wants it; relative to `base`, or absolute. */
  readonly lower: readonly string[];
  /** The directory that relative `lower` paths start from. */
  readonly base: string;
  /** Both, or neither for a read-only mount. */
  readonly upper?: string;
  readonly work?: string;
  readonly target: string;
  /**
   * Nothing is flushed to disk, whatever the programs inside ask for: fast, and lost at a power cut. The work
   * directory can't be used for a second mount. For what is thrown away anyway: build steps, containers of `--rm`.
   */
  readonly volatile?: boolean;
}

/**
 * Mounts an overlay without redirects and metadata copies, so that the upper directory alone tells what changed.
 *
 * The kernel takes at most 4095 bytes of options (one page). Absolute paths of 127 layers don't fit, so the thread
 * steps into `base` for the one system call and names the layers relative to it. Only the main thread of a process
 * that called `createThreadNamespaces`, or a process with one thread at work, may call this: in any other
 * process, threads that share the working directory would see it change for a moment.
 */
export function mountOverlay(options: OverlayOptions): void {
  for (const path of [...options.lower, options.upper ?? "", options.work ?? ""]) refuseSeparators(path);
  const parts = [`lowerdir=${options.lower.join(":")}`];
  if (options.upper !== undefined) parts.push(`upperdir=${options.upper}`, `workdir=${options.work ?? ""}`);
  parts.push("redirect_dir=nofollow", "metacopy=off", "index=off", "xino=off");
  if (options.volatile) parts.push("volatile");
  const data = parts.join(",");
  if (Buffer.byteLength(data) > 4095) {
    throw fail("exhausted", "host.overlay-too-many-layers", "too many layers for one overlay mount", {
      hint: "build the image with fewer steps, or give the daemon a root with a shorter path",
    });
  }
  const before = process.cwd();
  chdir(options.base);
  try {
    mount("overlay", options.target, "overlay", options.upper === undefined ? mountFlags.readOnly : 0, data);
  } finally {
    chdir(before);
  }
}

function refuseSeparators(path: string): void {
  if (!/[:,\\]/.test(path)) return;
  throw fail("invalid", "host.overlay-path", `overlayfs takes no ':', ',' or '\\' in a path: '${path}'`, {
    hint: "use a root directory without these characters",
  });
}

export interface BindOptions {
  readonly readOnly?: boolean;
  /** Also what is mounted below `source`. */
  readonly recursive?: boolean;
}

/** Binds `source` at `target`, both of which exist. */
export function bindMount(source: string, target: string, options: BindOptions = {}): void {
  mount(source, target, "", mountFlags.bind | (options.recursive ? mountFlags.recursive : 0));
  if (!options.readOnly) return;
  try {
    mount("", target, "", mountFlags.bind | mountFlags.remount | mountFlags.readOnly);
  } catch (error) {
    unmount(target, true);
    throw error;
  }
}

/**
 * Unmounts everything at `path` and below it, the last mount first; does nothing when there is none. With `lazy` a
 * busy mount goes away once its last user does; otherwise it throws `conflict` / `host.mount-busy`.
 */
export function unmountAll(path: string, options: { readonly lazy?: boolean } = {}): void {
  for (const entry of mountsBelow(path).toReversed()) {
    try {
      unmount(entry.target, options.lazy ?? false);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EINVAL" || code === "ENOENT") continue; // gone meanwhile, with the mount it lay on
      if (code !== "EBUSY") throw error;
      throw fail("conflict", "host.mount-busy", `'${entry.target}' is in use`, {
        hint: "stop what uses it, then try again",
        cause: error,
      });
    }
  }
}
