import { fail } from "../../base/index.ts";
import type { OciResources } from "../../runtimes/index.ts";
import type { ResourceSpec } from "../spec.ts";
import { checkCpuSet } from "./cpuset.ts";
import type { HostFacts } from "./input.ts";

const minimumMemory = 6 * 1024 * 1024;

export interface ResourcesResult {
  readonly resources: OciResources;
  readonly warnings: readonly string[];
}

type Warn = (message: string) => void;

/**
 * Limits in the OCI shape, for `buildOciConfig` and for `docker update` (Runtime.update). Validates as Docker does, in
 * its words; a limit whose controller is missing is left out with Docker's warning. Throws `invalid` /
 * `resources.invalid`.
 */
export function buildResources(
  spec: ResourceSpec,
  host: Pick<HostFacts, "cgroup" | "cpus">,
): ResourcesResult {
  const warnings: string[] = [];
  const warn: Warn = (message) => warnings.push(message);
  const parts = {
    memory: memoryOf(spec, host, warn),
    cpu: cpuOf(spec, host, warn),
    pids: pidsOf(spec, host, warn),
    blockIO: blockIoOf(spec, host, warn),
  };
  const given = Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0);
  return { resources: Object.fromEntries(given), warnings };
}

function invalid(message: string): Error {
  return fail("invalid", "resources.invalid", message);
}

function discarded(what: string, name: string): string {
  return `Your kernel does not support ${what} or the cgroup is not mounted. ${name} discarded.`;
}

function memoryOf(spec: ResourceSpec, host: Pick<HostFacts, "cgroup">, warn: Warn): Record<string, unknown> {
  const { memory = 0, memorySwap = 0, memoryReservation = 0 } = spec;
  checkMemory(memory, memorySwap, memoryReservation);
  if (!host.cgroup.controllers.has("memory")) {
    if (memory > 0) warn(discarded("memory limit capabilities", "Limitation"));
    if (memoryReservation > 0) warn(discarded("memory soft limit capabilities", "Limitation"));
    return {};
  }
  const result: Record<string, unknown> = {};
  if (memory > 0) result["limit"] = memory;
  if (memoryReservation > 0) result["reservation"] = memoryReservation;
  if (memory > 0 && memorySwap !== -1) {
    // As much swap again as memory, when nothing is said.
    if (host.cgroup.swapAccounting) result["swap"] = memorySwap > 0 ? memorySwap : memory * 2;
    else if (memorySwap > 0) {
      warn(
        "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
      );
    }
  } else if (memorySwap === -1 && host.cgroup.swapAccounting) result["swap"] = -1;
  if (spec.oomKillDisable) {
    if (host.cgroup.version === 2) {
      warn("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    } else {
      result["disableOOMKiller"] = true;
      if (memory === 0) {
        warn(
          "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
        );
      }
    }
  }
  return result;
}

function checkMemory(memory: number, swap: number, reservation: number): void {
  if (memory < 0) throw invalid("memory limit can not be negative");
  if (memory > 0 && memory < minimumMemory) throw invalid("Minimum memory limit allowed is 6MB");
  if (swap < -1) throw invalid("memory-swap limit can not be less than -1");
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (reservation < 0) throw invalid("memory reservation can not be negative");
  if (reservation > 0 && reservation < minimumMemory) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > memory) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function cpuOf(
  spec: ResourceSpec,
  host: Pick<HostFacts, "cgroup" | "cpus">,
  warn: Warn,
): Record<string, unknown> {
  checkCpu(spec, host.cpus);
  const { nanoCpus = 0, cpuShares = 0, cpuPeriod = 0, cpuQuota = 0, cpusetCpus, cpusetMems } = spec;
  const result: Record<string, unknown> = {};
  if (host.cgroup.controllers.has("cpu")) {
    if (cpuShares > 0) result["shares"] = cpuShares;
    if (nanoCpus > 0) {
      result["period"] = 100_000;
      result["quota"] = Math.round(nanoCpus / 10_000);
    }
    if (cpuPeriod > 0) result["period"] = cpuPeriod;
    if (cpuQuota !== 0) result["quota"] = cpuQuota;
  } else {
    if (nanoCpus > 0) {
      throw invalid(
        "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
      );
    }
    if (cpuShares > 0) warn(discarded("CPU shares", "Shares"));
    if (cpuPeriod > 0 || cpuQuota > 0) warn(discarded("CPU CFS scheduler", "Period and quota"));
  }
  if (cpusetCpus || cpusetMems) {
    if (!host.cgroup.controllers.has("cpuset")) {
      warn(discarded("cpuset", "Cpuset"));
      return result;
    }
    if (cpusetCpus) result["cpus"] = checkCpuSet(cpusetCpus, "cpus");
    if (cpusetMems) result["mems"] = checkCpuSet(cpusetMems, "mems");
  }
  return result;
}

function checkCpu(spec: ResourceSpec, cpus: number): void {
  const { nanoCpus = 0, cpuShares = 0, cpuPeriod = 0, cpuQuota = 0 } = spec;
  if (nanoCpus > 0 && cpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (nanoCpus > 0 && cpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  // The kernel's shortest quota, 1 ms, of Docker's period, 100 ms.
  if (nanoCpus < 0 || nanoCpus > cpus * 1e9 || (nanoCpus > 0 && nanoCpus < 1e7)) {
    throw invalid(`Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  }
  if (cpuShares < 0) throw invalid(`shares must be a positive number: ${cpuShares}`);
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (cpuQuota > 0 && cpuQuota < 1000) {
    throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
}

function pidsOf(spec: ResourceSpec, host: Pick<HostFacts, "cgroup">, warn: Warn): Record<string, unknown> {
  if (spec.pidsLimit === undefined) return {};
  if (!host.cgroup.controllers.has("pids")) {
    if (spec.pidsLimit > 0) warn(discarded("PIDs limit capabilities", "PIDs limit"));
    return {};
  }
  return { limit: spec.pidsLimit > 0 ? spec.pidsLimit : -1 };
}

function blockIoOf(
  { blkioWeight = 0 }: ResourceSpec,
  host: Pick<HostFacts, "cgroup">,
  warn: Warn,
): Record<string, unknown> {
  if (blkioWeight === 0) return {};
  if (blkioWeight < 10 || blkioWeight > 1000) {
    throw invalid("Range of blkio weight is from 10 to 1000");
  }
  if (!host.cgroup.ioWeight) {
    warn(discarded("Block I/O weight", "Weight"));
    return {};
  }
  return { weight: blkioWeight };
}
