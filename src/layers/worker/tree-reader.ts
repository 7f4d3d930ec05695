import { closeSync, constants, readSync } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { fileTypes, type FileCalls, type FileStatus } from "../../host/index.ts";
import { blockSize, toUtf8, type ByteString, type EntryType, type TarEntry } from "../tar/entry.ts";
import { endOfArchive, formatEntry, padded } from "../tar/format.ts";
import { readXattrs } from "./xattrs.ts";

export interface TreeReaderOptions {
  readonly calls: FileCalls;
  /** Gets the archive, piece by piece; a piece is valid during the call only. */
  readonly write: (bytes: Uint8Array) => void;
  /** What the archive says instead of what the file says. */
  readonly adjust?: (entry: TarEntry, path: ByteString) => TarEntry;
  /** Takes over a file, for example to write a whiteout; true when it did. */
  readonly special?: (path: ByteString, name: ByteString, status: FileStatus) => boolean;
  /** The names of a directory that go into the archive. */
  readonly select?: (prefix: ByteString, names: readonly ByteString[]) => readonly ByteString[];
  /** Called for a socket, which no archive can hold. */
  readonly socket?: (path: ByteString) => void;
  /** Called for each directory before what is in it. */
  readonly directory?: (path: ByteString, name: ByteString) => void;
}

const typeOf = new Map<number, EntryType>([
  [fileTypes.file, "file"],
  [fileTypes.directory, "directory"],
  [fileTypes.symlink, "symlink"],
  [fileTypes.character, "character"],
  [fileTypes.block, "block"],
  [fileTypes.fifo, "fifo"],
]);

const zeros = new Uint8Array(blockSize);

/**
 * Writes files as a canonical archive: each directory before what is in it, names in the order of their bytes, a
 * file with several names once and then as hard links to the first.
 */
export class TreeReader {
  /** Bytes of the files. */
  bytes = 0;
  readonly #options: TreeReaderOptions;
  readonly #buffer = Buffer.allocUnsafe(1 << 18);
  readonly #linked = new Map<string, ByteString>();

  constructor(options: TreeReaderOptions) {
    this.#options = options;
  }

  /** What is in the directory `path`, each name behind `prefix`. */
  content(path: ByteString, prefix: ByteString): void {
    const { calls, select } = this.#options;
    const names = calls.list(path === "" ? "/" : path);
    for (const name of select ? select(prefix, names) : names) {
      this.one(`${path}/${name}`, prefix === "" ? name : `${prefix}/${name}`);
    }
  }

  /** The file at `path` as the entry `name`, a directory with all in it. */
  one(path: ByteString, name: ByteString): void {
    const { calls, special, socket, directory } = this.#options;
    const status = calls.status(path);
    if (!status) return; // gone since its directory was read
    if (special?.(path, name, status)) return;
    const type = typeOf.get(status.mode & fileTypes.mask);
    if (type === undefined) return socket?.(path);
    try {
      this.#entry(path, name, type, status);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      // Gone since its status was read: its other names are no links to it.
      if (this.#linked.get(status.identity) === name) this.#linked.delete(status.identity);
      return;
    }
    if (type !== "directory") return;
    directory?.(path, name);
    this.content(path, name);
  }

  /** An entry of no content, such as a whiteout. */
  mark(entry: TarEntry): void {
    this.#options.write(formatEntry(entry));
  }

  end(): void {
    this.#options.write(endOfArchive);
  }

  #entry(path: ByteString, name: ByteString, type: EntryType, status: FileStatus): void {
    const { calls, write, adjust } = this.#options;
    const first = type !== "directory" && status.links > 1 ? this.#linked.get(status.identity) : undefined;
    if (type !== "directory" && status.links > 1 && first === undefined)
      this.#linked.set(status.identity, name);
    const kind = first === undefined ? type : "hardlink";
    const isDevice = kind === "character" || kind === "block";
    const linkTarget = first ?? (type === "symlink" ? calls.readLink(path) : undefined);
    const xattrs = readXattrs(calls, path);
    const found: TarEntry = {
      path: name,
      type: kind,
      mode: status.mode & 0o7777,
      uid: status.uid,
      gid: status.gid,
      size: kind === "file" ? status.size : 0,
      modifiedNs: status.modifiedNs,
      ...(linkTarget === undefined ? {} : { linkTarget }),
      ...(isDevice ? { major: status.major, minor: status.minor } : {}),
      ...(xattrs && kind !== "hardlink" ? { xattrs } : {}),
    };
    const entry = adjust ? adjust(found, path) : found;
    if (entry.size === 0) return write(formatEntry(entry));
    this.bytes += entry.size;
    this.#file(path, entry);
  }

  #file(path: ByteString, entry: TarEntry): void {
    const { calls, write } = this.#options;
    const fd = calls.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      write(formatEntry(entry));
      for (let left = entry.size; left > 0;) {
        const count = readSync(fd, this.#buffer, 0, Math.min(left, this.#buffer.length), null);
        if (count === 0) {
          throw fail(
            "conflict",
            "archive.file-changed",
            `'${toUtf8(path)}' became shorter while it was read`,
            {
              hint: "stop what writes to it, then try again",
            },
          );
        }
        write(this.#buffer.subarray(0, count));
        left -= count;
      }
      write(zeros.subarray(0, padded(entry.size) - entry.size));
    } finally {
      closeSync(fd);
    }
  }
}
