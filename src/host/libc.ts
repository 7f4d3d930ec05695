import { dlopen, ptr, read, type Pointer } from "bun:ffi";
import { closeSync } from "node:fs";

/**
 * System calls that Bun has no function for, as thin functions that throw `SystemError` with the errno's name.
 * Paths are bytes up to the first NUL: a name with a NUL in it is refused.
 */
const symbols = {
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  chroot: { args: ["ptr"], returns: "i32" },
  chdir: { args: ["ptr"], returns: "i32" },
  mknod: { args: ["ptr", "u32", "u64"], returns: "i32" },
  lchown: { args: ["ptr", "u32", "u32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64" },
  lremovexattr: { args: ["ptr", "ptr"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
  umask: { args: ["u32"], returns: "u32" },
  syscall: { args: ["i64", "i32", "ptr", "ptr", "u64"], returns: "i64" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

const libc = dlopen("libc.so.6", symbols).symbols;

const errnoNames: Record<number, string> = {
  1: "EPERM", 2: "ENOENT", 4: "EINTR", 5: "EIO", 6: "ENXIO", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
  16: "EBUSY", 17: "EEXIST", 18: "EXDEV", 19: "ENODEV", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 24: "EMFILE",
  28: "ENOSPC", 30: "EROFS", 34: "ERANGE", 36: "ENAMETOOLONG", 38: "ENOSYS", 39: "ENOTEMPTY", 40: "ELOOP",
  61: "ENODATA", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 107: "ENOTCONN", 111: "ECONNREFUSED", 122: "EDQUOT",
}; // prettier-ignore

/** `ENOENT` of 2; `errno 99` for one that is not in the table. */
export function errnoName(errno: number): string {
  return errnoNames[errno] ?? `errno ${errno}`;
}

/** A failed system call: `code` is the errno's name, as on Bun's own fs errors. */
export class SystemError extends Error {
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject: string) {
    const code = errnoName(errno);
    super(`${code}: ${syscall} '${subject}'`);
    this.name = "SystemError";
    this.code = code;
    this.syscall = syscall;
  }
}

function errno(): number {
  return read.i32(libc.__errno_location() as Pointer, 0);
}

function check(syscall: string, result: number | bigint, subject: string): number {
  if (result < 0) throw new SystemError(syscall, errno(), subject);
  return Number(result);
}

function cString(text: string | Uint8Array): Buffer {
  const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(text);
  if (bytes.includes(0)) throw new SystemError("path", 22, JSON.stringify(bytes.toString()));
  return Buffer.concat([bytes, Buffer.of(0)]);
}

export const mountFlags = {
  readOnly: 1, noSuid: 2, noDev: 4, noExec: 8, remount: 32, bind: 4096, move: 8192, recursive: 16384,
  private: 1 << 18, slave: 1 << 19, shared: 1 << 20, relatime: 1 << 21,
} as const; // prettier-ignore

/** mount(2). `data` is the filesystem's own option string. */
export function mount(source: string, target: string, type: string, flags: number, data = ""): void {
  check("mount", libc.mount(cString(source), cString(target), cString(type), flags, cString(data)), target);
}

/** umount2(2) with MNT_DETACH | UMOUNT_NOFOLLOW when `lazy`, otherwise UMOUNT_NOFOLLOW. */
export function unmount(target: string, lazy = false): void {
  check("umount2", libc.umount2(cString(target), lazy ? 2 | 8 : 8), target);
}

/** openat2(2), which has the same number everywhere; `resolve` are its RESOLVE_ flags. */
export function openAt2(directory: number, path: string, flags: number, resolve: number): number {
  const how = BigUint64Array.of(BigInt(flags), 0n, BigInt(resolve));
  return check("openat2", libc.syscall(437, directory, cString(path), how, how.byteLength), path);
}

export const namespaceFlags = { fs: 0x200, mount: 0x20000, network: 0x40000000 } as const;

/** unshare(2), for the calling thread alone. */
export function unshare(flags: number): void {
  check("unshare", libc.unshare(flags), String(flags));
}

/** setns(2), for the calling thread alone. */
export function setns(fd: number, type: number): void {
  check("setns", libc.setns(fd, type), String(fd));
}

/** listen(2); on a socket that listens already it changes the length of its queue. */
export function listen(fd: number, backlog: number): void {
  check("listen", libc.listen(fd, backlog), String(fd));
}

/** chroot(2); of the calling thread alone once it has unshared `namespaceFlags.fs`. */
export function chroot(path: string): void {
  check("chroot", libc.chroot(cString(path)), path);
}

/** chdir(2); of the calling thread alone once it has unshared `namespaceFlags.fs`. */
export function chdir(path: string): void {
  check("chdir", libc.chdir(cString(path)), path);
}

/** mknod(2): `mode` holds type and permissions; `device` is made by `makeDevice`. */
export function mknod(path: string, mode: number, device = 0n): void {
  check("mknod", libc.mknod(cString(path), mode, device), path);
}

/** makedev(3) of glibc. */
export function makeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
}

/** The major and minor number of a `st_rdev`. */
export function splitDevice(device: number | bigint): { major: number; minor: number } {
  const d = BigInt(device);
  return {
    major: Number(((d >> 8n) & 0xfffn) | ((d >> 32n) & 0xfffff000n)),
    minor: Number((d & 0xffn) | ((d >> 12n) & 0xffffff00n)),
  };
}

/** lchown(2): does not follow a symlink. */
export function lchown(path: string, uid: number, gid: number): void {
  check("lchown", libc.lchown(cString(path), uid, gid), path);
}

/** utimensat(2) with AT_SYMLINK_NOFOLLOW; both times in nanoseconds since the epoch. */
export function setTimes(path: string, accessedNs: bigint, modifiedNs: bigint): void {
  const times = new BigInt64Array(4);
  [accessedNs, modifiedNs].forEach((ns, i) => {
    const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    times[i * 2] = (ns - rest) / 1_000_000_000n;
    times[i * 2 + 1] = rest;
  });
  check("utimensat", libc.utimensat(-100, cString(path), ptr(times), 0x100), path);
}

/** lsetxattr(2). */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  const bytes = value.length === 0 ? new Uint8Array(1) : value;
  check("lsetxattr", libc.lsetxattr(cString(path), cString(name), ptr(bytes), value.length, 0), path);
}

/** lgetxattr(2); undefined when the file has no such attribute or its filesystem has none at all. */
export function getXattr(path: string, name: string): Uint8Array | undefined {
  const buffer = new Uint8Array(65536);
  const size = Number(libc.lgetxattr(cString(path), cString(name), ptr(buffer), buffer.length));
  if (size >= 0) return buffer.slice(0, size);
  const error = new SystemError("lgetxattr", errno(), path);
  if (error.code === "ENODATA" || error.code === "EOPNOTSUPP") return undefined;
  throw error;
}

/** llistxattr(2): names, sorted. */
export function listXattrs(path: string): string[] {
  const buffer = Buffer.alloc(65536);
  const size = Number(libc.llistxattr(cString(path), ptr(buffer), buffer.length));
  if (size < 0) {
    const error = new SystemError("llistxattr", errno(), path);
    if (error.code === "EOPNOTSUPP") return [];
    throw error;
  }
  return buffer.toString("utf8", 0, size).split("\0").filter(Boolean).sort(); // prettier-ignore
}

/** lremovexattr(2). */
export function removeXattr(path: string, name: string): void {
  check("lremovexattr", libc.lremovexattr(cString(path), cString(name)), path);
}

/** A connected, non-blocking, close-on-exec SOCK_SEQPACKET unix socket (conmon's attach socket). Returns its fd. */
export function connectSeqPacket(path: string): number {
  return connectUnix(path, 5);
}

function connectUnix(path: string, type: number): number {
  const name = cString(path);
  if (name.length > 108) throw new SystemError("connect", 36, path);
  const fd = check("socket", libc.socket(1, type | 0o2000000 | 0o4000, 0), path);
  const address = Buffer.concat([Buffer.of(1, 0), name]);
  if (libc.connect(fd, ptr(address), address.length) === 0) return fd;
  const error = new SystemError("connect", errno(), path);
  closeSync(fd);
  throw error;
}

/**
 * A connected, non-blocking, close-on-exec SOCK_DGRAM unix socket (the system's logger). A write to it is a message, or
 * EAGAIN when the reader has not kept up. Returns its fd.
 */
export function connectDatagram(path: string): number {
  return connectUnix(path, 2);
}

/** flock(2): true when the exclusive lock was taken, false when another process holds it. */
export function tryLock(fd: number): boolean {
  if (libc.flock(fd, 2 | 4) === 0) return true;
  const error = new SystemError("flock", errno(), String(fd));
  if (error.code === "EAGAIN") return false;
  throw error;
}

/**
 * madvise(2) with MADV_DONTNEED: the next look at a page reads it from the mapping's file again. What a process wrote
 * into a private mapping is lost, so only for mappings into which nothing was written.
 */
export function forgetPages(address: number, length: number): void {
  check("madvise", libc.madvise(BigInt(address), BigInt(length), 4), address.toString(16));
}

/** umask(2); returns the one before. */
export function setUmask(mask: number): number {
  return libc.umask(mask);
}
