import { join } from "node:path";
import { cgroupFolder, readText, type CgroupFacts } from "../host/index.ts";
import type { NetworkCounters, TaskStats } from "./runtime.ts";

/** PID_MAX_LIMIT of 64-bit kernels: as many processes are no limit. */
const pidNumbers = 4 * 1024 * 1024;

/** Reads the counters of the cgroup at `path` and, by `pid`, those of its network namespace. */
export function readStats(facts: CgroupFacts, path: string, pid: number, readAt: Date): TaskStats {
  const read = (controller: string, name: string) => {
    const folder = cgroupFolder(facts, controller, path);
    return folder === undefined ? undefined : readText(join(folder, name));
  };
  const pidsLimit = toNumber(read("pids", "pids.max")) ?? Infinity;
  const common = {
    readAt,
    pids: toNumber(read("pids", "pids.current")) ?? 0,
    pidsLimit: pidsLimit < pidNumbers ? pidsLimit : undefined,
    network: parseNetDev(readText(`/proc/${pid}/net/dev`) ?? ""),
  };
  return { ...common, ...(facts.version === 2 ? ofVersion2(read) : ofVersion1(read)) };
}

type Read = (controller: string, name: string) => string | undefined;
type CgroupCounters = Omit<TaskStats, "readAt" | "pids" | "pidsLimit" | "network">;

function ofVersion1(read: Read): CgroupCounters {
  const cpu = parseFields(read("cpu", "cpu.stat"));
  const memory = parseFields(read("memory", "memory.stat"));
  const limit = toNumber(read("memory", "memory.limit_in_bytes"));
  return {
    cpuTotalNs: toBigInt(read("cpuacct", "cpuacct.usage")),
    cpuUserNs: toBigInt(read("cpuacct", "cpuacct.usage_user")),
    cpuSystemNs: toBigInt(read("cpuacct", "cpuacct.usage_sys")),
    throttled: {
      periods: Number(cpu["nr_periods"] ?? 0),
      throttledPeriods: Number(cpu["nr_throttled"] ?? 0),
      throttledNs: BigInt(cpu["throttled_time"] ?? 0),
    },
    memoryBytes: toNumber(read("memory", "memory.usage_in_bytes")) ?? 0,
    memoryInactiveFileBytes: Number(memory["total_inactive_file"] ?? 0),
    // "No limit" reads as the largest number of pages.
    memoryLimitBytes: limit === undefined || limit > 2 ** 60 ? undefined : limit,
    memoryDetail: numbersOf(memory),
    blockIo: parseBlkio(read("blkio", "blkio.throttle.io_service_bytes_recursive") ?? ""),
    version1: {
      cpuPerCoreNs: (read("cpuacct", "cpuacct.usage_percpu") ?? "")
        .trim()
        .split(/\s+/)
        .filter(Boolean)
        .map(Number),
      memoryPeakBytes: toNumber(read("memory", "memory.max_usage_in_bytes")) ?? 0,
      memoryFailures: toNumber(read("memory", "memory.failcnt")) ?? 0,
      blockOperations: parseBlkio(read("blkio", "blkio.throttle.io_serviced_recursive") ?? ""),
    },
  };
}

function ofVersion2(read: Read): CgroupCounters {
  const cpu = parseFields(read("cpuacct", "cpu.stat"));
  const memory = parseFields(read("memory", "memory.stat"));
  const nanoseconds = (field: string) => BigInt(cpu[field] ?? 0) * 1000n;
  return {
    cpuTotalNs: nanoseconds("usage_usec"),
    cpuUserNs: nanoseconds("user_usec"),
    cpuSystemNs: nanoseconds("system_usec"),
    throttled: {
      periods: Number(cpu["nr_periods"] ?? 0),
      throttledPeriods: Number(cpu["nr_throttled"] ?? 0),
      throttledNs: nanoseconds("throttled_usec"),
    },
    memoryBytes: toNumber(read("memory", "memory.current")) ?? 0,
    memoryInactiveFileBytes: Number(memory["inactive_file"] ?? 0),
    memoryLimitBytes: toNumber(read("memory", "memory.max")),
    memoryDetail: numbersOf(memory),
    blockIo: parseIoStat(read("blkio", "io.stat") ?? ""),
  };
}

/** `name value` a line. */
function parseFields(text: string | undefined): Record<string, string> {
  return Object.fromEntries((text ?? "").split("\n").map((line) => line.split(" ") as [string, string]));
}

function numbersOf(fields: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (/^\d+$/.test(value) ? [[name, Number(value)]] : [])),
  );
}

/** Undefined for `max` and for a file that is not there. */
function toNumber(text: string | undefined): number | undefined {
  return text === undefined || !/^\d/.test(text) ? undefined : Number(text);
}

function toBigInt(text: string | undefined): bigint {
  return BigInt((text ?? "0").trim() || "0");
}

/** blkio.throttle.io_service_bytes: `8:0 Read 4096`. */
export function parseBlkio(text: string): TaskStats["blockIo"] {
  return [...text.matchAll(/^(\d+):(\d+) (Read|Write) (\d+)$/gm)].map(([, major, minor, op, value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op!.toLowerCase(),
    value: Number(value),
  }));
}

/** io.stat: `8:0 rbytes=4096 wbytes=0 …`. */
export function parseIoStat(text: string): TaskStats["blockIo"] {
  return [...text.matchAll(/^(\d+):(\d+) .*?rbytes=(\d+) wbytes=(\d+)/gm)].flatMap((match) => {
    const [major, minor, read, write] = match.slice(1).map(Number) as [number, number, number, number];
    return [
      { major, minor, op: "read", value: read },
      { major, minor, op: "write", value: write },
    ];
  });
}

/** /proc/PID/net/dev: two header lines, then `eth0: ` and sixteen counters. The loopback interface is left out. */
export function parseNetDev(text: string): Record<string, NetworkCounters> {
  const counters: Record<string, NetworkCounters> = {};
  for (const line of text.split("\n").slice(2)) {
    const [name, rest] = line.trim().split(/:\s*/);
    if (!name || name === "lo" || rest === undefined) continue;
    const n = rest.split(/\s+/).map(Number);
    counters[name] = {
      rxBytes: n[0]!, rxPackets: n[1]!, rxErrors: n[2]!, rxDropped: n[3]!,
      txBytes: n[8]!, txPackets: n[9]!, txErrors: n[10]!, txDropped: n[11]!,
    }; // prettier-ignore
  }
  return counters;
}
