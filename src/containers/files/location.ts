import { existsSync, readlinkSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { fail, newId } from "../../base/index.ts";
import type { Container, HostMount, PathStat, ResolvedMount } from "../container.ts";
import type { Engine } from "../engine.ts";
import { etcMounts } from "../connections/etc-files.ts";
import { refuseGoing } from "../state.ts";
import { farEnd, insideRoot, statAt, walk, type Inside, type Looking } from "./inside.ts";
import { openSources } from "./mount-sources.ts";
import type { Entry } from "../registry.ts";

/** Where a container's files can be reached: `/proc/PID/root` while it runs, otherwise a mount made for the purpose. */
export interface Location extends AsyncDisposable {
  readonly root: string;
  /** Of a stopped container: what lies below these paths is elsewhere. */
  readonly mounts: readonly HostMount[];
  /** Aborts when the container is removed. */
  readonly signal: AbortSignal;
}

export interface Place {
  /** A directory of the host that is `/` for `path`. */
  readonly root: string;
  readonly path: string;
  readonly readOnly: boolean;
  readonly inside: Inside;
}

export async function openLocation(engine: Engine, entry: Entry): Promise<Location> {
  const { record } = entry;
  const { state, spec } = record.container;
  refuseGoing(state);
  // A process of a runtime with a kernel of its own has not the container's root.
  const { ownKernel } = engine.runtime.abilities(spec.runtime ?? engine.defaultRuntime);
  const live = state.status === "running" && !ownKernel ? `/proc/${state.pid}/root` : undefined;
  // Without it the process has just ended: its files are where a stopped container has them.
  if (live !== undefined && existsSync(`${live}/.`)) {
    return {
      root: live,
      mounts: [],
      signal: engine.rootfs.signalOf(record),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  await using stack = new AsyncDisposableStack();
  const root = await engine.rootfs.acquire(record);
  stack.defer(() => engine.rootfs.release(record));
  const { container } = record;
  const sources = await openSources(engine, container, `${container.id} ${newId()}`, stack, stack);
  const open = stack.move();
  return {
    root,
    mounts: [...sources, ...etcMounts(container)],
    signal: engine.rootfs.signalOf(record),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/**
 * The place of a container's path, with symlinks resolved as the container would, but for the last part unless
 * `follow`. Throws `not-found` / `container.path-not-found` with Docker's text.
 */
export function findPlace(location: Location, container: Container, path: string, follow: boolean): Place {
  const inside = walk(path, follow, lookingFrom(location));
  if (!inside) {
    throw fail(
      "not-found",
      "container.path-not-found",
      `Could not find the file ${path} in container ${container.name}`,
    );
  }
  if (keepsFollowing(path) && inside.type !== "directory" && follow) {
    throw fail("invalid", "container.path-not-directory", `lstat ${path}: not a directory`);
  }
  const base = baseOf(location, inside.path);
  return { root: base.root, path: base.path, readOnly: isReadOnly(container, inside.path), inside };
}

function lookingFrom(location: Location): Looking {
  return {
    lstat: (at) => {
      const base = baseOf(location, at);
      return insideRoot<Stats | undefined>(base.root, () => statAt(base.path));
    },
    readlink: (at) => {
      const base = baseOf(location, at);
      return insideRoot<string>(base.root, () => readlinkSync(base.path));
    },
  };
}

function isReadOnly(container: Container, at: string): boolean {
  const mount = innermost(container.mounts, at);
  if (mount?.type === "tmpfs") return false;
  if (mount?.type === "image") return true;
  return mount ? mount.readOnly : (container.spec.security?.readonlyRootfs ?? false);
}

function innermost<M extends ResolvedMount>(mounts: readonly M[], at: string): M | undefined {
  return mounts
    .filter((one) => at === one.target || at.startsWith(`${one.target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
}

type PlacedMount = Exclude<HostMount, { type: "tmpfs" }>;

/** The innermost mount that `at` (without symlinks) lies in, and the path in it. */
function baseOf({ root, mounts }: Location, at: string): { readonly root: string; readonly path: string } {
  const mount = innermost(
    mounts.filter((one): one is PlacedMount => one.type !== "tmpfs"),
    at,
  );
  if (!mount) return { root, path: at };
  const rest = at.slice(mount.target.length);
  // A file that is bound has no inside: its folder is the root then.
  if (rest === "") return { root: dirname(mount.source), path: `/${basename(mount.source)}` };
  return { root: mount.source, path: rest };
}

const goMode = {
  directory: 0x8000_0000, symlink: 0x0800_0000, device: 0x0400_0000, pipe: 0x0200_0000, socket: 0x0100_0000,
  setuid: 0x0080_0000, setgid: 0x0040_0000, character: 0x0020_0000, sticky: 0x0010_0000,
} as const; // prettier-ignore

/** The bits of Go's os.FileMode, which Docker's API sends (https://pkg.go.dev/io/fs#FileMode). */
export function goFileMode(
  stats: Pick<
    Stats,
    "mode" | "isDirectory" | "isSymbolicLink" | "isBlockDevice" | "isCharacterDevice" | "isFIFO" | "isSocket"
  >,
): number {
  let mode = stats.mode & 0o777;
  const add = (bits: number) => void (mode += bits);
  if (stats.isDirectory()) add(goMode.directory);
  if (stats.isSymbolicLink()) add(goMode.symlink);
  if (stats.isBlockDevice()) add(goMode.device);
  if (stats.isCharacterDevice()) add(goMode.device + goMode.character);
  if (stats.isFIFO()) add(goMode.pipe);
  if (stats.isSocket()) add(goMode.socket);
  if (stats.mode & 0o4000) add(goMode.setuid);
  if (stats.mode & 0o2000) add(goMode.setgid);
  if (stats.mode & 0o1000) add(goMode.sticky);
  return mode;
}

export function pathStat(location: Location, container: Container, path: string): PathStat {
  const { inside } = findPlace(location, container, path, keepsFollowing(path));
  return {
    name: basename(path) || "/",
    size: inside.stats.size,
    mode: goFileMode(inside.stats),
    modified: inside.stats.mtime,
    linkTarget: inside.type === "symlink" ? farEnd(path, lookingFrom(location)) : "",
  };
}

/** `dir/` and `dir/.` mean what a link at the end leads to. */
export function keepsFollowing(path: string): boolean {
  return /\/\.?$/.test(path);
}
