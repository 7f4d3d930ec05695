import { dlopen, ptr, read, type Pointer } from "bun:ffi";
import { readdirSync } from "node:fs";
import { SystemError, errnoName } from "./libc.ts";

/** What lstat(2) tells of a file. */
export interface FileStatus {
  /** Type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly modifiedNs: bigint;
  /** Device and inode number as one text: the same for two names of one file. */
  readonly identity: string;
  readonly major: number;
  readonly minor: number;
}

export const fileTypes = {
  mask: 0o170000, socket: 0o140000, symlink: 0o120000, file: 0o100000, block: 0o060000, directory: 0o040000,
  character: 0o020000, fifo: 0o010000,
} as const; // prettier-ignore

/**
 * System calls on files for code that handles whole trees: a path is a byte string (one latin1 character per byte),
 * so a name need not be UTF-8, and a call costs about a microsecond. None follows a symlink at the end of a path but
 * `changeMode`. Failures throw `SystemError`.
 */
export interface FileCalls {
  /** open(2) with O_NOFOLLOW and O_CLOEXEC added. */
  open(path: string, flags: number, mode?: number): number;
  makeDirectory(path: string, mode: number): void;
  symlink(target: string, path: string): void;
  link(existing: string, path: string): void;
  makeNode(path: string, mode: number, device: bigint): void;
  unlink(path: string): void;
  removeDirectory(path: string): void;
  changeOwner(path: string, uid: number, gid: number): void;
  changeMode(path: string, mode: number): void;
  /** Sets access and modification time, in nanoseconds since the epoch. */
  setTimes(path: string, ns: bigint): void;
  setXattr(path: string, name: string, value: Uint8Array): void;
  removeXattr(path: string, name: string): void;
  /** Names and values; empty where the filesystem has none. */
  xattrs(path: string): Map<string, Uint8Array>;
  getXattr(path: string, name: string): Uint8Array | undefined;
  /** undefined when there is no such file. */
  status(path: string): FileStatus | undefined;
  readLink(path: string): string;
  /** Names without `.` and `..`, in the order of their bytes. */
  list(path: string): string[];
  /** Makes the directory `/` and the working directory of the process. Returns what brings the old ones back. */
  enterRoot(path: string): () => void;
  /** Flushes the filesystem that holds `fd`. */
  syncFilesystem(fd: number): void;
}

const symbols = {
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  mkdir: { args: ["ptr", "u32"], returns: "i32" },
  symlink: { args: ["ptr", "ptr"], returns: "i32" },
  link: { args: ["ptr", "ptr"], returns: "i32" },
  mknod: { args: ["ptr", "u32", "u64"], returns: "i32" },
  unlink: { args: ["ptr"], returns: "i32" },
  rmdir: { args: ["ptr"], returns: "i32" },
  lchown: { args: ["ptr", "u32", "u32"], returns: "i32" },
  chmod: { args: ["ptr", "u32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i32" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  lremovexattr: { args: ["ptr", "ptr"], returns: "i32" },
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  readlink: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
  chdir: { args: ["ptr"], returns: "i32" },
  syncfs: { args: ["i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

const openFlags = { directory: 0o200000, noFollow: 0o400000, closeOnExec: 0o2000000 } as const;
const atCwd = -100;
const atNoFollow = 0x100;
const basicStats = 0x7ff;
const xattrMax = 65536;

const open = () => dlopen("libc.so.6", symbols).symbols;

interface Context {
  readonly libc: ReturnType<typeof open>;
  readonly scratch: ReturnType<typeof createScratch>;
  readonly errno: () => number;
  readonly check: (call: string, result: number, subject: string) => number;
}

export function createFileCalls(): FileCalls {
  const libc = open();
  const errno = () => read.i32(libc.__errno_location() as Pointer, 0);
  const context: Context = {
    libc,
    scratch: createScratch(),
    errno,
    check(call, result, subject) {
      if (result >= 0) return result;
      throw new SystemError(call, errno(), Buffer.from(subject, "latin1").toString());
    },
  };
  return {
    ...nameCalls(context),
    ...ownershipCalls(context),
    ...readingCalls(context),
    ...xattrCalls(context),
    ...rootCalls(context),
  };
}

function nameCalls({ libc, scratch: { path, second }, check }: Context) {
  return {
    open: (file, flags, mode = 0) =>
      check("open", libc.open(path(file), flags | openFlags.noFollow | openFlags.closeOnExec, mode), file),
    makeDirectory: (file, mode) => void check("mkdir", libc.mkdir(path(file), mode), file),
    symlink: (target, file) => void check("symlink", libc.symlink(second(target), path(file)), file),
    link: (existing, file) => void check("link", libc.link(second(existing), path(file)), file),
    makeNode: (file, mode, device) => void check("mknod", libc.mknod(path(file), mode, device), file),
    unlink: (file) => void check("unlink", libc.unlink(path(file)), file),
    removeDirectory: (file) => void check("rmdir", libc.rmdir(path(file)), file),
  } satisfies Partial<FileCalls>;
}

function ownershipCalls({ libc, scratch: { path, times, timesBytes }, check }: Context) {
  return {
    changeOwner: (file, uid, gid) => void check("lchown", libc.lchown(path(file), uid, gid), file),
    changeMode: (file, mode) => void check("chmod", libc.chmod(path(file), mode), file),
    setTimes(file, ns) {
      const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      timesBytes[0] = timesBytes[2] = (ns - rest) / 1_000_000_000n;
      timesBytes[1] = timesBytes[3] = rest;
      check("utimensat", libc.utimensat(atCwd, path(file), times, atNoFollow), file);
    },
  } satisfies Partial<FileCalls>;
}

function readingCalls({ libc, scratch, errno, check }: Context) {
  const { path, stat, statBytes, value, valueBytes } = scratch;
  return {
    status(file) {
      const result = libc.statx(atCwd, path(file), atNoFollow, basicStats, stat);
      if (result >= 0) return readStatx(statBytes);
      if (["ENOENT", "ENOTDIR"].includes(errnoName(errno()))) return undefined;
      check("statx", result, file);
      return undefined;
    },
    readLink(file) {
      const size = check("readlink", libc.readlink(path(file), value, xattrMax), file);
      return valueBytes.toString("latin1", 0, size);
    },
    list: (file) =>
      readdirSync(Buffer.from(file, "latin1"), { encoding: "latin1" as BufferEncoding }).sort(byBytes),
  } satisfies Partial<FileCalls>;
}

function xattrCalls({ libc, scratch, errno, check }: Context) {
  const { path, second, value, valueBytes } = scratch;
  const get = (file: string, name: string): Uint8Array | undefined => {
    const size = libc.lgetxattr(path(file), second(name), value, xattrMax);
    if (size >= 0) return Uint8Array.prototype.slice.call(valueBytes, 0, size);
    if (["ENODATA", "EOPNOTSUPP"].includes(errnoName(errno()))) return undefined;
    check("lgetxattr", size, file);
    return undefined;
  };
  return {
    setXattr(file, name, bytes) {
      if (bytes.length > xattrMax) throw new SystemError("lsetxattr", 34, name);
      valueBytes.set(bytes);
      check("lsetxattr", libc.lsetxattr(path(file), second(name), value, bytes.length, 0), file);
    },
    removeXattr: (file, name) =>
      void check("lremovexattr", libc.lremovexattr(path(file), second(name)), file),
    getXattr: get,
    xattrs(file) {
      const found = new Map<string, Uint8Array>();
      const size = libc.llistxattr(path(file), value, xattrMax);
      if (size === 0 || (size < 0 && errnoName(errno()) === "EOPNOTSUPP")) return found;
      check("llistxattr", size, file);
      for (const name of valueBytes.toString("latin1", 0, size).split("\0").filter(Boolean)) {
        const bytes = get(file, name);
        if (bytes) found.set(name, bytes);
      }
      return found;
    },
  } satisfies Partial<FileCalls>;
}

function rootCalls({ libc, scratch: { path }, check }: Context) {
  return {
    enterRoot(file) {
      const before = check("open", libc.open(path("/"), openFlags.directory | openFlags.closeOnExec, 0), "/");
      try {
        check("chroot", libc.chroot(path(file)), file);
        check("chdir", libc.chdir(path("/")), "/");
      } catch (error) {
        libc.close(before);
        throw error;
      }
      return () => {
        check("fchdir", libc.fchdir(before), "/");
        check("chroot", libc.chroot(path(".")), "/");
        libc.close(before);
      };
    },
    syncFilesystem: (fd) => void check("syncfs", libc.syncfs(fd), String(fd)),
  } satisfies Partial<FileCalls>;
}

/**
 * Buffers at fixed addresses, so that no call allocates. One call uses them at a time. Each is made on an ArrayBuffer of
 * its own: the engine keeps the bytes of a small typed array inline and moves them once somebody asks for `buffer`.
 */
function createScratch() {
  const fixed = (size: number) => Buffer.from(new ArrayBuffer(size));
  const pathBytes = fixed(8192);
  const secondBytes = fixed(8192);
  const valueBytes = fixed(xattrMax);
  const statBytes = fixed(256);
  const timesBytes = new BigInt64Array(new ArrayBuffer(32));
  const writer = (bytes: Buffer) => {
    const address = ptr(bytes);
    return (text: string): Pointer => {
      if (text.length >= bytes.length) throw new SystemError("path", 36, text.slice(0, 100));
      if (text.includes("\0")) throw new SystemError("path", 22, JSON.stringify(text));
      bytes[bytes.write(text, 0, "latin1")] = 0;
      return address;
    };
  };
  return {
    path: writer(pathBytes),
    second: writer(secondBytes),
    value: ptr(valueBytes),
    valueBytes,
    stat: ptr(statBytes),
    statBytes,
    times: ptr(timesBytes),
    timesBytes,
  };
}

/** struct statx (statx(2)) has the same layout on every architecture, unlike struct stat. */
function readStatx(bytes: Buffer): FileStatus {
  return {
    links: bytes.readUInt32LE(16),
    uid: bytes.readUInt32LE(20),
    gid: bytes.readUInt32LE(24),
    mode: bytes.readUInt16LE(28),
    size: Number(bytes.readBigUInt64LE(40)),
    modifiedNs: bytes.readBigInt64LE(112) * 1_000_000_000n + BigInt(bytes.readUInt32LE(120)),
    identity: `${bytes.readUInt32LE(136)}:${bytes.readUInt32LE(140)}:${bytes.readBigUInt64LE(32)}`,
    major: bytes.readUInt32LE(128),
    minor: bytes.readUInt32LE(132),
  };
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
