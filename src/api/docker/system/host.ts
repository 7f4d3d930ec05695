import { readFileSync } from "node:fs";
import { availableParallelism, hostname, release, totalmem } from "node:os";
import { architecture } from "../platform.ts";

/** What the API tells about the machine. */
export interface HostFacts {
  readonly kernel: string;
  /** As in /etc/os-release. */
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly name: string;
  readonly cpus: number;
  readonly memory: number;
  /** Go's name (`amd64`) and the kernel's (`x86_64`). */
  readonly architecture: string;
  readonly machine: string;
  readonly ipv4Forwarding: boolean;
  readonly apparmor: boolean;
}

const machines: Record<string, string> = { amd64: "x86_64", arm64: "aarch64" };

export function readHostFacts(): HostFacts {
  const os = readOsRelease();
  return {
    kernel: release(),
    operatingSystem: os["PRETTY_NAME"] ?? "Linux",
    osVersion: os["VERSION_ID"] ?? "",
    name: hostname(),
    cpus: availableParallelism(),
    memory: totalmem(),
    architecture,
    machine: machines[architecture] ?? architecture,
    ipv4Forwarding: read("/proc/sys/net/ipv4/ip_forward").trim() === "1",
    apparmor: read("/sys/module/apparmor/parameters/enabled").trim() === "Y",
  };
}

function readOsRelease(): Record<string, string> {
  const lines = read("/etc/os-release").split("\n");
  const pairs = lines.flatMap((line) => {
    const match = /^([A-Z_]+)=("?)(.*)\2$/.exec(line);
    return match ? [[match[1]!, match[3]!] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** Empty when there is no such file. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
