import { dlopen, ptr } from "bun:ffi";
import { commandFailed, run, type RunResult } from "./spawn.ts";
import type { ThreadNamespaces } from "./thread-namespace.ts";

const symbols = { if_nametoindex: { args: ["ptr"], returns: "u32" } } as const;
const libc = dlopen("libc.so.6", symbols).symbols;

/** Whether the calling thread's network namespace has an interface of that name. No child process. */
export function interfaceExists(name: string): boolean {
  return libc.if_nametoindex(ptr(Buffer.from(`${name}\0`))) !== 0;
}

export interface IpBatchOptions {
  /** Goes on after a line that fails; the call then still throws, at the end. */
  readonly force?: boolean;
  /** Runs inside another network namespace, such as `/proc/PID/ns/net`. */
  readonly inside?: { readonly namespaces: ThreadNamespaces; readonly path: string };
}

/**
 * Runs lines of ip(8) in one process. Stops at the first that fails (unless `force`) and throws `internal` /
 * `host.command-failed`; the lines before it stay done.
 */
export async function ipBatch(lines: readonly string[], options: IpBatchOptions = {}): Promise<void> {
  if (lines.length === 0) return;
  const command = ["ip", ...(options.force ? ["-force"] : []), "-batch", "-"];
  const stdin = Buffer.from(`${lines.join("\n")}\n`);
  const spawn = () => Bun.spawn(command, { stdin, stdout: "ignore", stderr: "pipe" });
  const inside = options.inside;
  const child = inside ? inside.namespaces.inNetwork(inside.path, spawn) : spawn();
  const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  if (exitCode === 0) return;
  const result: RunResult = { exitCode, stdout: "", stderr };
  throw commandFailed(["ip", ...lines], result);
}

/** Deletes the interfaces that exist; one that vanishes meanwhile is fine. Throws when one is still there after. */
export async function deleteInterfaces(names: readonly string[]): Promise<void> {
  const present = names.filter(interfaceExists);
  if (present.length === 0) return;
  const lines = present.map((name) => `link del ${name}`);
  try {
    await ipBatch(lines, { force: true });
  } catch (error) {
    if (present.some(interfaceExists)) throw error;
  }
}

export interface HostInterface {
  readonly name: string;
  readonly up: boolean;
  /** The bridge that it is a port of. */
  readonly master?: string;
  /** Kind of a virtual interface: `bridge`, `veth`, … */
  readonly kind?: string;
  /** CIDR notation. */
  readonly addresses: readonly string[];
}

/** The interfaces of the host with their addresses. */
export async function listInterfaces(): Promise<HostInterface[]> {
  const rows = await ipJson<InterfaceRow>(["-d", "address", "show"]);
  return rows
    .filter((row) => row.ifname !== undefined)
    .map((row) => ({
      name: row.ifname!,
      up: row.flags?.includes("UP") ?? false,
      ...(row.master === undefined ? {} : { master: row.master }),
      ...(row.linkinfo?.info_kind === undefined ? {} : { kind: row.linkinfo.info_kind }),
      addresses: (row.addr_info ?? [])
        .filter((one) => one.local !== undefined)
        .map((one) => `${one.local}/${one.prefixlen}`),
    }));
}

export interface HostRoute {
  /** CIDR notation or a single address. Default routes are left out. */
  readonly destination: string;
  readonly device?: string;
  /** Reached directly, not through a gateway. */
  readonly connected: boolean;
}

/** The routes of all tables, IPv4 and IPv6. */
export async function listRoutes(): Promise<HostRoute[]> {
  const rows = await ipJson<RouteRow>(["route", "show", "table", "all"]);
  return rows
    .filter((row) => row.dst !== undefined && row.dst !== "default")
    .map((row) => ({
      destination: row.dst!,
      ...(row.dev === undefined ? {} : { device: row.dev }),
      connected: row.gateway === undefined && row.via === undefined,
    }));
}

interface InterfaceRow {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

interface RouteRow {
  readonly dst?: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly via?: unknown;
}

async function ipJson<T>(args: readonly string[]): Promise<T[]> {
  const command = ["ip", "-j", ...args];
  const result = await run(command);
  if (result.exitCode !== 0) throw commandFailed(command, result);
  return result.stdout.trim() === "" ? [] : (JSON.parse(result.stdout) as T[]);
}
