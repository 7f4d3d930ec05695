import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, fail } from "../base/index.ts";
import { isMountPoint, mountOverlay, mountsBelow, runChecked, unmountAll } from "../host/index.ts";

export interface OverlayStack {
  /** Where the names in `lower` are. */
  readonly base: string;
  /** From the bottom to the top. */
  readonly lower: readonly string[];
  readonly directory: string;
  readonly readOnly: boolean;
  readonly volatile: boolean;
}

/** Mounts the stack at `directory/merged`, unless it is mounted already, and returns that path. */
export function mountStack(stack: OverlayStack): string {
  const at = (name: string) => join(stack.directory, name);
  if (isMountPoint(at("merged"))) return at("merged");
  // overlayfs wants one lower directory with an upper one, and two without.
  // A layer that comes twice counts where it is topmost; the kernel refuses the same directory again.
  const distinct = [...new Set(stack.lower.toReversed())];
  const fill = ["none", "nil"].slice(0, Math.max(0, (stack.readOnly ? 2 : 1) - distinct.length)).toReversed();
  const lower = [...distinct, ...fill];
  const undo = new DisposableStack();
  using _undo = undo;
  mkdirSync(stack.directory, { recursive: true, mode: 0o700 });
  const make = (name: string) => {
    try {
      mkdirSync(at(name), { mode: 0o700 });
      // The kernel may have begun to fill it.
      undo.defer(() => (name === "work" ? rmSync(at(name), { recursive: true }) : rmdirSync(at(name))));
      return true;
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return false;
      throw error;
    }
  };
  make("merged");
  const writable = stack.readOnly ? {} : { upper: at("upper"), work: at("work") };
  if (!stack.readOnly) {
    make("work");
    // The root directory of the mount is the upper one, so it looks as the topmost layer's does.
    if (make("upper")) copyRootMode(join(stack.base, lower[0]!), at("upper"));
    // Whoever asks for a volatile mount again takes what a power cut may have lost.
    if (stack.volatile) rmSync(volatileMark(stack.directory), { recursive: true, force: true });
  }
  try {
    const { base, volatile } = stack;
    mountOverlay({ lower, base, ...writable, target: at("merged"), volatile: volatile && !stack.readOnly });
  } catch (error) {
    throw mountFailed(error, stack);
  }
  undo.move();
  return at("merged");
}

/**
 * Unmounts what is at `directory/merged`, with all below it. Lazily: a tree worker may still read from it for a
 * moment; what matters is that nobody new gets in.
 */
export async function unmountStack(directory: string): Promise<void> {
  const merged = join(directory, "merged");
  const mounts = mountsBelow(merged);
  if (mounts.length === 0) return;
  // Unmounting an upper directory flushes its whole filesystem to disk, and the daemon must not wait for that.
  const flushes = existsSync(join(directory, "upper")) && !existsSync(volatileMark(directory));
  if (flushes && mounts.length === 1) await runChecked(["umount", "--lazy", "--no-canonicalize", merged]);
  unmountAll(merged, { lazy: true });
}

/** The kernel puts it there and refuses to mount the directory again while it is there (overlayfs.rst, "Volatile mount"). */
function volatileMark(directory: string): string {
  return join(directory, "work/work/incompat/volatile");
}

function copyRootMode(from: string, to: string): void {
  const status = statSync(from);
  chownSync(to, status.uid, status.gid);
  chmodSync(to, status.mode & 0o7777);
}

function mountFailed(error: unknown, stack: OverlayStack): unknown {
  if (errnoOf(error) !== "EINVAL") return error;
  return fail(
    "precondition",
    "layer.mount-refused",
    `the kernel refused an overlay of ${stack.lower.length} layers at '${stack.directory}'`,
    {
      hint: "see dmesg for its reason; the daemon's root must be on ext4, xfs, btrfs or tmpfs, not on overlayfs",
      cause: error,
    },
  );
}
