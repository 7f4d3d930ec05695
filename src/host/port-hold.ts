import { dlopen, ptr, read, type Pointer } from "bun:ffi";
import { isIP } from "node:net";

const symbols = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;
const libc = dlopen("libc.so.6", symbols).symbols;

const inet = { 4: 2, 6: 10 } as const;
const errnos: Record<number, HoldFailure> = {
  98: "in-use",
  99: "no-such-address",
  13: "forbidden",
  24: "limit",
};

/** Why a port could not be held: another socket has it, the host has no such address, no right, no descriptor left. */
export type HoldFailure = "in-use" | "no-such-address" | "forbidden" | "limit" | "other";

/** A port that no other process can bind until it is disposed. */
export interface PortHold extends Disposable {
  readonly port: number;
}

/**
 * Reserves a port of the host for a redirect in the packet filter: a bound socket that never receives a connection.
 * For TCP it listens for an instant, which is how the kernel compares it with every other socket even where
 * SO_REUSEADDR lets binds pass (connections in TIME_WAIT do not count), then stops listening and stays bound, so a
 * connection that the redirect does not take is refused, as if nothing were there. Port 0 takes a free one.
 */
export function holdPort(protocol: "tcp" | "udp", address: string, port: number): PortHold | HoldFailure {
  if (port !== 0) return holdExactly(protocol, address, port);
  for (let attempt = 1; ; attempt++) {
    const free = freePort(protocol, address);
    if (typeof free === "string") return free;
    const held = holdExactly(protocol, address, free);
    if (held !== "in-use" || attempt === 20) return held;
  }
}

function holdExactly(protocol: "tcp" | "udp", address: string, port: number): PortHold | HoldFailure {
  const fd = openSocket(protocol, address);
  if (fd < 0) return failure();
  const failed = bindTo(fd, protocol, address, port);
  if (failed !== undefined) {
    libc.close(fd);
    return failed;
  }
  return { port, [Symbol.dispose]: () => void libc.close(fd) };
}

/** A socket whose port the kernel chose gives it back when it stops listening; so it only tells which one is free. */
function freePort(protocol: "tcp" | "udp", address: string): number | HoldFailure {
  const fd = openSocket(protocol, address);
  if (fd < 0) return failure();
  const name = socketAddress(familyOf(address), address, 0);
  const result = libc.bind(fd, ptr(name), name.length) === 0 ? boundPort(fd) : failure();
  libc.close(fd);
  return result;
}

function openSocket(protocol: "tcp" | "udp", address: string): number {
  return libc.socket(inet[familyOf(address)], (protocol === "tcp" ? 1 : 2) | 0o2000000, 0);
}

function familyOf(address: string): 4 | 6 {
  return isIP(address) === 6 ? 6 : 4;
}

function bindTo(fd: number, protocol: "tcp" | "udp", address: string, port: number): HoldFailure | undefined {
  const [solSocket, reuseAddress, receiveBuffer, ipv6, ipv6Only] = [1, 2, 8, 41, 26];
  const family = familyOf(address);
  if (family === 6) setOption(fd, ipv6, ipv6Only, 1);
  if (protocol === "tcp") setOption(fd, solSocket, reuseAddress, 1);
  else setOption(fd, solSocket, receiveBuffer, 0);
  const name = socketAddress(family, address, port);
  if (libc.bind(fd, ptr(name), name.length) !== 0) return failure();
  if (protocol === "udp") return undefined;
  if (libc.listen(fd, 1) !== 0) return failure();
  setOption(fd, solSocket, reuseAddress, 0);
  return libc.shutdown(fd, 0) === 0 ? undefined : failure();
}

function setOption(fd: number, level: number, option: number, value: number): void {
  const bytes = new Int32Array([value]);
  libc.setsockopt(fd, level, option, ptr(bytes), 4);
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(family: 4 | 6, address: string, port: number): Buffer {
  const name = Buffer.alloc(family === 4 ? 16 : 28);
  name.writeUInt16LE(inet[family], 0);
  name.writeUInt16BE(port, 2);
  if (family === 4) address.split(".").forEach((part, i) => name.writeUInt8(Number(part), 4 + i));
  else ipv6Groups(address).forEach((group, i) => name.writeUInt16BE(group, 8 + i * 2));
  return name;
}

function ipv6Groups(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((group) => parseInt(group, 16)));
  if (tail === undefined) return groups(head);
  const [left, right] = [groups(head), groups(tail)];
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function boundPort(fd: number): number {
  const name = Buffer.alloc(28);
  libc.getsockname(fd, ptr(name), ptr(new Uint32Array([name.length])));
  return name.readUInt16BE(2);
}

function failure(): HoldFailure {
  return errnos[read.i32(libc.__errno_location() as Pointer, 0)] ?? "other";
}
