import { closeSync, constants, fchmodSync, fchownSync, writeSync } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { fileTypes, makeDevice, type FileCalls } from "../../host/index.ts";
import { malformed, toUtf8, type ByteString, type TarEntry } from "../tar/entry.ts";
import type { TarSink } from "../tar/parser.ts";
import { entryPath, escape, nameOf, parentOf } from "../tar/path.ts";
import { Directories } from "./directories.ts";
import { tooLarge } from "./limits.ts";
import type { Limits } from "./protocol.ts";
import { applyXattrs } from "./xattrs.ts";
import { removeAll } from "./remove-all.ts";

export interface TreeWriterOptions {
  readonly calls: FileCalls;
  readonly directory: { readonly path: ByteString; readonly make: boolean };
  readonly limits: Limits;
  /** Instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly noOverwriteDirNonDir?: boolean;
  readonly stripLeadingSlashes?: boolean;
  /** Files of this size and more are hashed. */
  readonly hashFrom?: number;
}

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/**
 * Writes the entries of an archive as files below the process's `/`: owners, permissions, times to the nanosecond,
 * extended attributes, hard links, devices. The last entry of a name wins.
 */
export class TreeWriter implements TarSink {
  entries = 0;
  /** Bytes of the files. */
  bytes = 0;
  protected readonly calls: FileCalls;
  protected readonly directories: Directories;
  readonly #options: TreeWriterOptions;
  /** Set at the end, because a file made in a directory changes the directory's time. */
  readonly #directoryTimes = new Map<ByteString, bigint>();
  #open:
    | {
        readonly fd: number;
        readonly path: ByteString;
        readonly entry: TarEntry;
        readonly hasher: Bun.CryptoHasher | undefined;
      }
    | undefined;
  /** SHA-256 of the files that were hashed and stand, by path. */
  readonly digests = new Map<ByteString, string>();

  constructor(options: TreeWriterOptions) {
    this.#options = options;
    this.calls = options.calls;
    this.directories = new Directories(options.calls, options.directory, (path) => {
      if (options.owner) this.calls.changeOwner(path, options.owner.uid, options.owner.gid);
    });
  }

  entry(entry: TarEntry): void {
    this.entries++;
    this.bytes += entry.size;
    const { limits } = this.#options;
    if (this.entries > limits.maxEntries || this.bytes > limits.maxBytes) throw tooLarge(limits);
    const path = this.#pathIn(entry.path);
    if (path === "") return this.#root(entry);
    this.place(this.directories.resolve(parentOf(path)), nameOf(path), entry);
  }

  data(bytes: Uint8Array): void {
    this.#open!.hasher?.update(bytes);
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#open!.fd, bytes, done, bytes.length - done);
    }
  }

  endEntry(): void {
    const open = this.#open;
    if (!open) return;
    const { uid, gid } = this.#ownerOf(open.entry);
    fchownSync(open.fd, uid, gid);
    fchmodSync(open.fd, open.entry.mode); // after the owner, whose change takes setuid away
    applyXattrs(this.calls, open.path, open.entry);
    this.calls.setTimes(open.path, open.entry.modifiedNs);
    if (open.hasher) this.digests.set(open.path, open.hasher.digest("hex"));
    this.close();
  }

  /** Call once all entries were written. */
  finish(): void {
    for (const [path, ns] of this.#directoryTimes) this.calls.setTimes(path === "" ? "/" : path, ns);
  }

  /** Lets go of a file that is half written. */
  close(): void {
    if (this.#open) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  /** Makes the file that `entry` describes in `parent`, a path of real directories. */
  protected place(parent: ByteString, name: ByteString, entry: TarEntry): void {
    const path = `${parent}/${name}`;
    this.digests.delete(path);
    if (entry.type === "directory") return this.#directory(path, entry);
    this.#replacing(path, entry, () => this.#make(path, entry));
    if (entry.type === "file") return; // goes on in `data` and `endEntry`
    if (entry.type === "symlink" || entry.type === "hardlink") this.#noteLink(path, entry);
    if (entry.type !== "hardlink") this.#describe(path, entry);
  }

  #root(entry: TarEntry): void {
    if (entry.type !== "directory") throw escape("an entry would replace the root directory", entry.path);
    const path = this.directories.base;
    this.#describe(path === "" ? "/" : path, entry);
    this.#directoryTimes.set(path, entry.modifiedNs);
  }

  #directory(path: ByteString, entry: TarEntry): void {
    this.#replacing(path, entry, () => this.calls.makeDirectory(path, 0o700));
    this.#describe(path, entry);
    this.#directoryTimes.set(path, entry.modifiedNs);
  }

  #make(path: ByteString, entry: TarEntry): void {
    const { calls } = this;
    if (entry.type === "file") {
      const { hashFrom } = this.#options;
      const isHashed = hashFrom !== undefined && entry.size >= hashFrom;
      const hasher = isHashed ? new Bun.CryptoHasher("sha256") : undefined;
      this.#open = { fd: calls.open(path, createFlags, 0o600), path, entry, hasher };
    } else if (entry.type === "symlink") {
      if (!entry.linkTarget) throw malformed(`the symlink '${toUtf8(path)}' has no target`);
      calls.symlink(entry.linkTarget, path);
    } else if (entry.type === "hardlink") {
      calls.link(this.#linkSource(path, entry), path);
    } else if (entry.type === "fifo") {
      calls.makeNode(path, fileTypes.fifo | 0o600, 0n);
    } else {
      const type = entry.type === "character" ? fileTypes.character : fileTypes.block;
      calls.makeNode(path, type | 0o600, makeDevice(entry.major ?? 0, entry.minor ?? 0));
    }
  }

  #pathIn(path: ByteString): ByteString {
    return entryPath(this.#options.stripLeadingSlashes === true ? path.replace(/^\/+/, "") : path);
  }

  #linkSource(path: ByteString, entry: TarEntry): ByteString {
    const target = this.#pathIn(entry.linkTarget ?? "");
    const source = `${this.directories.resolve(parentOf(target))}/${nameOf(target)}`;
    const status = target === "" ? undefined : this.calls.status(source);
    if (status && (status.mode & fileTypes.mask) !== fileTypes.directory) return source;
    throw malformed(`'${toUtf8(path)}' is a hard link to '${toUtf8(target)}', which is not there before it`);
  }

  /** A hard link to a symlink is a symlink as well. */
  #noteLink(path: ByteString, entry: TarEntry): void {
    const isSymlink =
      entry.type === "symlink" || (this.calls.status(path)!.mode & fileTypes.mask) === fileTypes.symlink;
    if (isSymlink) this.directories.noteLink(path);
  }

  /** Owner, permissions, attributes and time of what is not a file. */
  #describe(path: ByteString, entry: TarEntry): void {
    const { uid, gid } = this.#ownerOf(entry);
    this.calls.changeOwner(path, uid, gid);
    if (entry.type !== "symlink") this.calls.changeMode(path, entry.mode);
    applyXattrs(this.calls, path, entry);
    if (entry.type !== "directory") this.calls.setTimes(path, entry.modifiedNs);
  }

  #ownerOf(entry: TarEntry): { readonly uid: number; readonly gid: number } {
    return this.#options.owner ?? entry;
  }

  /** Runs `make`; when the name is taken, clears it and runs `make` again. A directory stays where one is wanted. */
  #replacing(path: ByteString, entry: TarEntry, make: () => void): void {
    try {
      return make();
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
    // Linking a file to itself is done already, and taking the name away first would lose the file.
    if (entry.type === "hardlink" && this.#isSame(path, this.#linkSource(path, entry))) return;
    if (this.#clear(path, entry)) make();
  }

  #isSame(a: ByteString, b: ByteString): boolean {
    return this.calls.status(a)?.identity === this.calls.status(b)?.identity;
  }

  #clear(path: ByteString, entry: TarEntry): boolean {
    const type = this.calls.status(path)!.mode & fileTypes.mask;
    const isDirectory = type === fileTypes.directory;
    const wantsDirectory = entry.type === "directory";
    if (isDirectory && wantsDirectory) return false;
    if (this.#options.noOverwriteDirNonDir && isDirectory !== wantsDirectory) {
      const [old, young] = isDirectory ? ["directory", "non-directory"] : ["non-directory", "directory"];
      throw fail("invalid", "archive.overwrite", `cannot overwrite ${old} '${toUtf8(path)}' with a ${young}`);
    }
    removeAll(this.calls, path);
    if (isDirectory) {
      for (const known of this.#directoryTimes.keys()) {
        if (known === path || known.startsWith(`${path}/`)) this.#directoryTimes.delete(known);
      }
    }
    if (isDirectory || type === fileTypes.symlink) this.directories.forget();
    return true;
  }
}
