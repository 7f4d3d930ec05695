import { readFileSync } from "node:fs";
import { release } from "node:os";
import { readCgroupFacts, readText } from "../../host/index.ts";
import { allCapabilities } from "./capabilities.ts";
import type { HostFacts } from "./input.ts";
import { thermalPaths } from "./paths.ts";

/** Reads what `buildOciConfig` needs to know of this machine; once, at the daemon's start. */
export function readHostFacts(): HostFacts {
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return {
    cgroup: readCgroupFacts(),
    capabilities: parseCapabilities(readFileSync("/proc/self/status", "utf8")),
    kernel: { major, minor },
    architecture: goNames[process.arch] ?? process.arch,
    limits: parseLimits(readFileSync("/proc/self/limits", "utf8")),
    oomScoreAdj: Number(readText("/proc/self/oom_score_adj") ?? 0),
    seccomp: readText("/proc/sys/kernel/seccomp/actions_avail") !== undefined,
    apparmor: readText("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") ?? false,
    selinux: readText("/sys/fs/selinux/enforce") !== undefined,
    thermalPaths: thermalPaths(),
    cpus: navigator.hardwareConcurrency,
  };
}

const goNames: Readonly<Record<string, string>> = {
  x64: "amd64", arm64: "arm64", ia32: "386", arm: "arm", ppc64: "ppc64le", s390x: "s390x", riscv64: "riscv64",
  loong64: "loong64",
}; // prettier-ignore

/** /proc/PID/status: what is both effective and in the bounding set can be given to a child. */
export function parseCapabilities(status: string): ReadonlySet<string> {
  const mask = (name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1] ?? 0}`);
  const given = mask("CapEff") & mask("CapBnd");
  return new Set(allCapabilities.filter((_name, bit) => (given >> BigInt(bit)) & 1n));
}

/** The lines of /proc/PID/limits by their OCI names. */
const limitNames: Readonly<Record<string, string>> = {
  "Max cpu time": "RLIMIT_CPU", "Max file size": "RLIMIT_FSIZE", "Max data size": "RLIMIT_DATA",
  "Max stack size": "RLIMIT_STACK", "Max core file size": "RLIMIT_CORE", "Max resident set": "RLIMIT_RSS",
  "Max processes": "RLIMIT_NPROC", "Max open files": "RLIMIT_NOFILE", "Max locked memory": "RLIMIT_MEMLOCK",
  "Max address space": "RLIMIT_AS", "Max file locks": "RLIMIT_LOCKS",
  "Max pending signals": "RLIMIT_SIGPENDING", "Max msgqueue size": "RLIMIT_MSGQUEUE",
  "Max nice priority": "RLIMIT_NICE", "Max realtime priority": "RLIMIT_RTPRIO",
  "Max realtime timeout": "RLIMIT_RTTIME",
}; // prettier-ignore

export function parseLimits(text: string): HostFacts["limits"] {
  const limits: Record<string, { soft: number; hard: number }> = {};
  for (const line of text.split("\n").slice(1)) {
    const [label, soft, hard] = line.split(/\s{2,}/);
    const name = limitNames[label ?? ""];
    if (name !== undefined) limits[name] = { soft: limitOf(soft!), hard: limitOf(hard!) };
  }
  return limits;
}

function limitOf(text: string): number {
  return text === "unlimited" ? Infinity : Number(text);
}
