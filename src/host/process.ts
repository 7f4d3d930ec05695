import { dlopen, ptr, read, type Pointer } from "bun:ffi";
import { closeSync, readdirSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import { fail } from "../base/index.ts";

const libc = dlopen("libc.so.6", {
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "u64"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
}).symbols;

/** The same on every architecture that Linux got after 2011, and on amd64. */
const numbers = { pidfdSendSignal: 424, pidfdOpen: 434, pidfdGetfd: 438 } as const;
const ESRCH = 3;

/** One process, told apart from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start (proc(5), /proc/pid/stat field 22). */
  readonly startTime: number;
}

export interface ProcessStatus extends ProcessIdentity {
  /** `R`, `S`, `D`, `T`, `Z` (ended, not yet waited for), … */
  readonly state: string;
  readonly parent: number;
  /** The process group. */
  readonly group: number;
}

/** Reads /proc/PID/stat; undefined when there is no such process. */
export function readProcess(pid: number): ProcessStatus | undefined {
  const text = readIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name, in parentheses, may hold anything; the fields after its end are numbers and one letter.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group] = [fields[0]!, Number(fields[1]), Number(fields[2])];
  return { pid, state, parent, group, startTime: Number(fields[19]) };
}

/** True while that very process runs; a zombie has ended. */
export function isRunning(process: ProcessIdentity): boolean {
  const now = readProcess(process.pid);
  return now !== undefined && now.startTime === process.startTime && !"ZX".includes(now.state);
}

/**
 * Sends a signal to that very process, never to one that got its pid later (pidfd_send_signal(2)). False when it
 * has ended. Signal 0 only checks.
 */
export function signalProcess(target: ProcessIdentity, signal: number): boolean {
  const fd = Number(libc.syscall(numbers.pidfdOpen, target.pid, 0, 0, 0, 0));
  if (fd < 0) return ended("pidfd_open");
  try {
    if (!isRunning(target)) return false;
    const result = Number(libc.syscall(numbers.pidfdSendSignal, fd, signal, 0, 0, 0));
    return result === 0 || ended("pidfd_send_signal");
  } finally {
    closeSync(fd);
  }
}

/**
 * Sets the size of the terminals of which the process holds the master side (pidfd_getfd(2), TIOCSWINSZ), which tells
 * the programs on them. False when it holds none. The caller vouches for the pid: a child that was not waited for.
 */
export function resizeTerminalsOf(pid: number, columns: number, rows: number): boolean {
  const masters = descriptorsOf(pid).filter(({ target }) => target.endsWith("/ptmx"));
  if (masters.length === 0) return false;
  const process = Number(libc.syscall(numbers.pidfdOpen, pid, 0, 0, 0, 0));
  if (process < 0) return ended("pidfd_open");
  const size = Uint16Array.of(rows, columns, 0, 0);
  const setWindowSize = 0x5414;
  try {
    for (const { fd } of masters) {
      const copy = Number(libc.syscall(numbers.pidfdGetfd, process, fd, 0, 0, 0));
      if (copy < 0) continue; // closed meanwhile
      libc.ioctl(copy, setWindowSize, ptr(size));
      closeSync(copy);
    }
    return true;
  } finally {
    closeSync(process);
  }
}

function descriptorsOf(pid: number): { readonly fd: number; readonly target: string }[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => ({
      fd: Number(name),
      target: readlinkSync(`/proc/${pid}/fd/${name}`),
    }));
  } catch {
    return []; // it has ended, or closed one meanwhile
  }
}

function ended(call: string): false {
  const errno = read.i32(libc.__errno_location() as Pointer, 0);
  if (errno === ESRCH) return false;
  if (errno === 22) throw fail("invalid", "process.signal-invalid", "Invalid signal");
  throw fail("internal", "process.signal-failed", `${call} failed with errno ${errno}`);
}

/**
 * A close-on-exec stream socketpair(2): `ours`, non-blocking, for Bun.connect, which then owns it, `theirs` for a
 * child, by its number in `stdio`; the caller closes `theirs` after the spawn.
 */
export function createSocketPair(): { readonly ours: number; readonly theirs: number } {
  const ends = new Int32Array(2);
  const [unix, stream, closeOnExec] = [1, 1, 0o2000000];
  if (libc.socketpair(unix, stream | closeOnExec, 0, ptr(ends)) !== 0) {
    throw fail("exhausted", "process.no-socket", "cannot create a socket pair: too many open files", {
      hint: "raise the daemon's limit of open files",
    });
  }
  const [setFlags, nonBlocking] = [4, 0o4000];
  libc.fcntl(ends[0]!, setFlags, nonBlocking);
  return { ours: ends[0]!, theirs: ends[1]! };
}

/** Identifies this boot: a recorded pid means nothing after another one. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/**
 * A copy of a program in memory that nobody can change any more (memfd_create(2) with all seals), to be run by its
 * path. An OCI runtime that finds itself sealed need not copy itself at each call to be safe from the container
 * (CVE-2019-5736), which halves the time it takes to start.
 */
export function sealedCopy(program: string): { readonly path: string } & Disposable {
  const name = Buffer.from(`${program.split("/").at(-1)}\0`);
  const [cloexec, allowSealing] = [1, 2];
  const fd = libc.memfd_create(ptr(name), cloexec | allowSealing);
  if (fd < 0) throw fail("internal", "process.memfd-failed", `cannot copy ${program} to memory`);
  const bytes = readFileSync(program);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  const [addSeals, allSeals] = [1033, 1 | 2 | 4 | 8];
  if (libc.fcntl(fd, addSeals, allSeals) !== 0) {
    closeSync(fd);
    throw fail("internal", "process.memfd-failed", `cannot seal the copy of ${program}`);
  }
  return { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
