import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
  type BigIntStats,
} from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDevice, mknod, setTimes, setXattr } from "../../../host/index.ts";
import { codes, RpcError } from "../rpc/status.ts";
import type { Stat } from "../wire/files.ts";
import { permissionsOfGoMode, typeOfGoMode } from "./go-mode.ts";

/**
 * A folder that becomes what a client describes, entry by entry in the order of their paths. What is already there
 * with the same type, mode, size and time stays. The client is not trusted: an entry's parent must be a folder that it
 * has described before, so that nothing is written through a symbolic link.
 */
export class ReceivedTree {
  readonly #root: string;
  readonly #seen = new Set<string>();
  /** Made at the end, when the files are there. */
  readonly #links: [target: string, path: string][] = [];
  readonly #directories = new Map<string, bigint>([["", 0n]]);

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes an entry; true: its content is wanted. Throws `RpcError` for what cannot be. */
  add(stat: Stat): boolean {
    const path = checkedPath(stat.path);
    const parent = dirname(path) === "." ? "" : dirname(path);
    if (!this.#directories.has(parent)) throw bad(path, "its folder was not described before");
    if (this.#seen.has(path)) throw bad(path, "it was described twice");
    this.#seen.add(path);
    const absolute = join(this.#root, path);
    const there = lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
    const type = typeOfGoMode(stat.mode);
    if (type === "directory") {
      this.#directories.set(path, stat.modTime);
      if (there && !there.isDirectory()) rmSync(absolute);
      if (!there?.isDirectory()) mkdirSync(absolute);
      const mode = permissionsOfGoMode(stat.mode);
      if (there === undefined || Number(there.mode & 0o7777n) !== mode) chmodSync(absolute, mode);
      return false;
    }
    if (there && isSame(there, stat, absolute)) return false;
    if (there) rmSync(absolute, { recursive: true });
    if (type === "symlink") {
      symlinkSync(stat.linkname, absolute);
      setTimes(absolute, stat.modTime, stat.modTime);
      return false;
    }
    // Nothing listens behind a copied socket: builders leave them out.
    if (type === "socket") return false;
    if (type !== "file") {
      makeNode(absolute, type, stat);
      return false;
    }
    if (stat.linkname === "") return true;
    const target = checkedPath(stat.linkname);
    if (!this.#seen.has(target))
      throw bad(path, `the file that it is a hard link to was not described before`);
    this.#links.push([target, path]);
    return false;
  }

  /** Starts to write a file's content. */
  write(stat: Stat): FileWriter {
    return new FileWriter(join(this.#root, stat.path), stat);
  }

  /** Makes links, removes what was not described, and gives folders their times. */
  finish(): void {
    for (const [target, path] of this.#links) linkSync(join(this.#root, target), join(this.#root, path));
    this.#sweep("");
    for (const [path, time] of [...this.#directories].toReversed()) {
      if (path !== "") setTimes(join(this.#root, path), time, time);
    }
  }

  #sweep(folder: string): void {
    for (const entry of readdirSync(join(this.#root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!this.#seen.has(path)) rmSync(join(this.#root, path), { recursive: true });
      else if (this.#directories.has(path)) this.#sweep(path);
    }
  }
}

/** Below this size a file is held in memory and written at once. */
const smallFile = 256 * 1024;

/** A file that appears when it is whole. */
export class FileWriter {
  readonly #path: string;
  readonly #stat: Stat;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #file: FileHandle | undefined;

  constructor(path: string, stat: Stat) {
    this.#path = path;
    this.#stat = stat;
  }

  async write(data: Uint8Array): Promise<void> {
    this.#chunks.push(data);
    this.#held += data.length;
    if (this.#held < smallFile) return;
    this.#file ??= await open(this.#partial, "wx", 0o600);
    await this.#file.writev(this.#chunks);
    this.#chunks = [];
    this.#held = 0;
  }

  async end(): Promise<void> {
    if (this.#file) {
      if (this.#held > 0) await this.#file.writev(this.#chunks);
      await this.#file.close();
      this.#file = undefined;
    } else {
      const descriptor = openSync(this.#partial, "wx", 0o600);
      try {
        for (const chunk of this.#chunks) {
          for (let done = 0; done < chunk.length;) done += writeSync(descriptor, chunk, done);
        }
      } finally {
        closeSync(descriptor);
      }
    }
    chmodSync(this.#partial, permissionsOfGoMode(this.#stat.mode));
    for (const [name, value] of Object.entries(this.#stat.xattrs)) setXattr(this.#partial, name, value);
    setTimes(this.#partial, this.#stat.modTime, this.#stat.modTime);
    renameSync(this.#partial, this.#path);
  }

  async drop(): Promise<void> {
    await this.#file?.close();
    rmSync(this.#partial, { force: true });
  }

  /** A name that no client can describe: it would be swept away as one that was not. */
  get #partial(): string {
    return join(dirname(this.#path), `.virga-${Bun.hash(this.#path).toString(36)}.part`);
  }
}

function makeNode(absolute: string, type: "fifo" | "block-device" | "char-device", stat: Stat): void {
  const types = { fifo: 0o010000, "block-device": 0o060000, "char-device": 0o020000 };
  mknod(absolute, types[type] | 0o600, makeDevice(stat.devmajor, stat.devminor));
  chmodSync(absolute, permissionsOfGoMode(stat.mode));
  setTimes(absolute, stat.modTime, stat.modTime);
}

/** Relative, clean, and inside. */
function checkedPath(path: string): string {
  const parts = path.split("/");
  if (path === "" || path.includes("\0") || parts.some((one) => one === "" || one === "." || one === "..")) {
    throw bad(path, "it is no path inside the folder");
  }
  return path;
}

function bad(path: string, why: string): RpcError {
  return new RpcError(codes.invalidArgument, `the client sends '${path}', but ${why}`);
}

function isSame(there: BigIntStats, stat: Stat, absolute: string): boolean {
  const type = typeOfGoMode(stat.mode);
  if (type === "symlink") return there.isSymbolicLink() && readlinkSync(absolute) === stat.linkname;
  // A hard link is made anew: only so are two names surely one file.
  if (type !== "file" || !there.isFile() || stat.linkname !== "") return false;
  return (
    Number(there.mode & 0o7777n) === permissionsOfGoMode(stat.mode) &&
    Number(there.size) === stat.size &&
    there.mtimeNs === stat.modTime
  );
}
