import { closeSync, ftruncateSync, openSync, renameSync, rmSync } from "node:fs";
import { errnoOf, fail } from "../base/index.ts";
import { isMountPoint, unmountAll } from "./mounts.ts";
import { commandFailed, run, runChecked } from "./spawn.ts";

/** The program that makes the filesystem of an image, of Debian's package e2fsprogs; undefined when it is missing. */
export function diskImageProgram(): string | undefined {
  return Bun.which("mkfs.ext4", { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` }) ?? undefined;
}

export interface DiskImage {
  /** The file; sparse, so that it takes as much of the disk as is in it. */
  readonly path: string;
  /** What fits in it, but for the names of folders and files. */
  readonly bytes: number;
  /** A power cut loses all that is in it. */
  readonly volatile: boolean;
}

const mib = 2 ** 20;
const journal = 4 * mib;

/** Makes the file with an empty ext4 in it. It appears whole or not at all. */
export async function makeDiskImage({ path, bytes, volatile }: DiskImage): Promise<void> {
  const program = diskImageProgram();
  if (program === undefined) {
    throw fail("precondition", "host.no-mkfs", "mkfs.ext4 was not found on this machine", {
      hint: "apt-get install e2fsprogs",
    });
  }
  const making = `${path}.new`;
  const journalled = !volatile && bytes >= 4 * journal;
  const fd = openSync(making, "w", 0o600);
  try {
    ftruncateSync(fd, outerSize(bytes) + (journalled ? journal : 0));
  } catch (error) {
    rmSync(making, { force: true });
    if (errnoOf(error) !== "EFBIG" && errnoOf(error) !== "EINVAL") throw error;
    throw fail("invalid", "host.disk-image-size", `no file can be as large as ${bytes} bytes here`, {
      cause: error,
    });
  } finally {
    closeSync(fd);
  }
  const features = ["^resize_inode", ...(journalled ? [] : ["^has_journal"])].join(",");
  const options = ["-b", "4096", "-i", "8192", "-m", "0", "-O", features];
  if (journalled) options.push("-J", `size=${journal / mib}`);
  const sparse = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0"];
  await runChecked([program, "-q", "-F", ...options, ...sparse, making]);
  renameSync(making, path);
}

/** The kernel keeps a fiftieth of a filesystem back, 16 MiB at most, and an inode takes 256 bytes for each 8 KiB. */
function outerSize(bytes: number): number {
  return Math.ceil((bytes + bytes / 30 + Math.min(bytes / 40, 17 * mib) + mib) / 4096) * 4096;
}

const attempts = 3;

/**
 * Mounts it at `target`, unless it is mounted there already, on a loop device that goes with the mount. One that is
 * still in use by a mount that was taken away lazily is mounted on the same device, as one filesystem.
 */
export async function mountDiskImage({ path, volatile }: DiskImage, target: string): Promise<void> {
  if (isMountPoint(target)) return;
  // What is deleted inside is free on the host at once, and no thread fills tables that nobody reads.
  const options = ["loop", "discard", "noinit_itable", ...(volatile ? ["nobarrier"] : [])].join(",");
  const command = ["mount", "--no-canonicalize", "-t", "ext4", "-o", options, path, target];
  // A device that goes away in between makes mount(8) fail, and so do two that take the same free one.
  for (let attempt = 1; ; attempt++) {
    const result = await run(command);
    if (result.exitCode === 0) return;
    if (attempt === attempts) throw commandFailed(command, result);
  }
}

/** The other way round; does nothing when nothing is mounted there. In a process of its own, for it flushes to disk. */
export async function unmountDiskImage(target: string): Promise<void> {
  if (!isMountPoint(target)) return;
  await run(["umount", "--lazy", "--no-canonicalize", target]);
  unmountAll(target, { lazy: true });
}
