import {
  chmodSync,
  lstatSync,
  readFileSync,
  writeFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  linkSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, fail } from "../../base/index.ts";
import { getXattr, lchown, listXattrs, mknod, setTimes, setXattr } from "../../host/index.ts";
import { linkTarget, type SelectedSource, type SourceEntry } from "../context/source-tree.ts";
import { resolveInRoot } from "../context/root-path.ts";
import type { ModeChange } from "./mode.ts";
import type { Owner } from "./owner.ts";

export interface CopyOptions {
  /** Of everything copied and of folders made for it; undefined: files keep theirs, new folders are root's. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange | undefined;
  /** The destination is a folder whatever is there. */
  readonly several?: boolean;
  /** Extended attributes come along, as from another stage; otherwise file capabilities alone. */
  readonly xattrs?: boolean;
  /** Nanoseconds: the time of everything copied, for sources whose own times mean nothing. */
  readonly time?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files larger than this are copied by a thread, smaller ones at once: the thread costs more than they do. */
const smallFile = 256 * 1024;
/** So many files are copied before others get their turn. */
const filesPerTurn = 200;

/**
 * Copies sources to `destination` (as seen inside `root`, symlinks resolved as if `root` were `/`). A destination
 * with a trailing slash, or that is a folder, takes files by their names; folders give their content. Throws
 * `invalid` / `build.copy-conflict` when a folder meets a file, `exhausted` / `build.disk-full`.
 */
export async function copyInto(
  root: string,
  destination: string,
  sources: readonly SelectedSource[],
  options: CopyOptions,
): Promise<void> {
  const copier = new Copier(options);
  try {
    for (const source of sources) await copier.copy(root, destination, source);
    copier.setFolderTimes();
  } catch (error) {
    if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT") {
      throw fail("exhausted", "build.disk-full", "no space left on the disk while copying files", {
        hint: "free some space, for example with 'virga prune'",
        cause: error,
      });
    }
    throw error;
  }
}

class Copier {
  readonly #options: CopyOptions;
  /** Set at the end: files written into a folder change its time. */
  readonly #folderTimes: { path: string; stat: SourceEntry["stat"] }[] = [];
  /** Where the first name of a file with several names went. */
  readonly #links = new Map<string, string>();
  #sinceTurn = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  async copy(root: string, destination: string, source: SelectedSource): Promise<void> {
    const several = this.#options.several ?? false;
    const [first] = source.entries;
    const wanted =
      join(destination, source.parents) + (destination.endsWith("/") || source.parents ? "/" : "");
    const rooted = resolveInRoot(root, wanted);
    const isFolder = rooted.exists && lstatSync(rooted.absolute).isDirectory();
    if (source.kind === "directory") {
      // What a folder's content goes into is an ordinary new folder; with its parents it is the folder itself.
      const keeps = first?.to === "" && source.parents !== "";
      const made = this.#makeFolders(root, keeps ? dirname(rooted.path) : rooted.path);
      if (made && this.#options.mode) chmodSync(rooted.absolute, this.#options.mode(0o755, true));
      for (const entry of source.entries) await this.#entry(entry, join(rooted.absolute, entry.to));
      return;
    }
    if (!first) return;
    const intoFolder = isFolder || several || wanted.endsWith("/");
    if (intoFolder && rooted.exists && !isFolder)
      throw conflict(destination, "is a file, and must be a folder");
    const folder = intoFolder ? rooted.path : dirname(rooted.path);
    this.#makeFolders(root, folder);
    await this.#entry(first, intoFolder ? join(rooted.absolute, source.name) : rooted.absolute);
  }

  setFolderTimes(): void {
    for (const { path, stat } of this.#folderTimes.toReversed()) this.#setTime(path, stat);
  }

  /** `path` holds no symlinks. New folders are 0755 and belong to the owner asked for. Tells whether the last is new. */
  #makeFolders(root: string, path: string): boolean {
    if (path === "" || path === ".") return false;
    let here = root;
    let made = false;
    for (const part of path.split("/")) {
      here = join(here, part);
      const stat = lstatSync(here, { throwIfNoEntry: false });
      made = !stat;
      if (stat?.isDirectory()) continue;
      if (stat) throw conflict(here.slice(root.length), "is a file, and must be a folder");
      mkdirSync(here, { mode: 0o755 });
      chmodSync(here, 0o755);
      if (this.#options.owner) lchown(here, this.#options.owner.uid, this.#options.owner.gid);
    }
    return made;
  }

  async #entry(entry: SourceEntry, target: string): Promise<void> {
    if (++this.#sinceTurn >= filesPerTurn) {
      this.#sinceTurn = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#options.signal?.throwIfAborted();
    const { stat } = entry;
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (stat.isDirectory())
      return this.#folder(entry, target, there?.isDirectory() ?? false, there !== undefined);
    if (there?.isDirectory()) throw conflict(target, "is a folder, and a file is to take its place");
    if (there) rmSync(target);
    if (this.#linked(entry, target)) return;
    if (stat.isSymbolicLink()) symlinkSync(linkTarget(entry), target);
    else if (!stat.isFile()) mknod(target, Number(stat.mode), stat.rdev);
    else if (stat.size <= smallFile) writeFileSync(target, readFileSync(entry.absolute), { mode: 0o600 });
    else await copyFile(entry.absolute, target);
    this.#attributes(entry, target);
    this.#setTime(target, stat);
  }

  #setTime(target: string, { atimeNs, mtimeNs }: SourceEntry["stat"]): void {
    const { time } = this.#options;
    setTimes(target, time ?? atimeNs, time ?? mtimeNs);
  }

  #folder(entry: SourceEntry, target: string, isFolder: boolean, exists: boolean): void {
    if (exists && !isFolder) throw conflict(target, "is a file, and a folder is to take its place");
    // The top folder gives its content only; where it lands on one that is there, that one stays as it is.
    if (exists && entry.to === "") return;
    if (!exists) mkdirSync(target);
    this.#attributes(entry, target);
    this.#folderTimes.push({ path: target, stat: entry.stat });
  }

  #linked(entry: SourceEntry, target: string): boolean {
    const { stat } = entry;
    if (stat.nlink < 2n || !stat.isFile()) return false;
    const key = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) {
      this.#links.set(key, target);
      return false;
    }
    linkSync(first, target);
    return true;
  }

  /** chown first: it takes set-id bits away. */
  #attributes(entry: SourceEntry, target: string): void {
    const { stat } = entry;
    const owner = this.#options.owner ?? { uid: Number(stat.uid), gid: Number(stat.gid) };
    lchown(target, owner.uid, owner.gid);
    if (stat.isSymbolicLink()) return;
    const mode = Number(stat.mode) & 0o7777;
    chmodSync(target, this.#options.mode?.(mode, stat.isDirectory()) ?? mode);
    const capability = capabilityOf(entry);
    if (capability) setXattr(target, "security.capability", capability);
    if (!this.#options.xattrs) return;
    for (const name of listXattrs(entry.absolute).filter((one) => one.startsWith("user."))) {
      const value = getXattr(entry.absolute, name);
      if (value) setXattr(target, name, value);
    }
  }
}

/** The file capabilities of a program (capabilities(7)). */
export function capabilityOf({ absolute, stat }: SourceEntry): Uint8Array | undefined {
  return stat.isFile() && (stat.mode & 0o111n) !== 0n ? getXattr(absolute, "security.capability") : undefined;
}

function conflict(path: string, what: string) {
  return fail("invalid", "build.copy-conflict", `cannot copy: ${path} ${what}`);
}
