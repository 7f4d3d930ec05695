import type { ResourceSpec } from "../spec.ts";
import { checkCpuSet } from "./cpuset.ts";
import { discarded, invalidLimit, offers, type LimitHost, type Setting, type Warn } from "./limits.ts";

/** What the kernel keeps shares within (linux/kernel/sched/sched.h). */
const [fewestShares, mostShares] = [2, 262_144];

/** The period of real-time tasks, in microseconds, where nobody has set one. */
const kernelsPeriod = 1_000_000;
const realtime: Setting = { controller: "cpu", v1: ["cpu.rt_runtime_us"], onlyV1: true };

/** `linux.resources.cpu`. */
export function limitCpu(spec: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  checkCpu(spec, host.cpus);
  if ((spec.cpuPercent ?? 0) > 0) warn("linux does not support CPU percent. Percent discarded.");
  if ((spec.cpuCount ?? 0) > 0) warn("linux does not support CPU count. Count discarded.");
  return { ...timeOf(spec, host, warn), ...realtimeOf(spec, host), ...setsOf(spec, host, warn) };
}

function timeOf(spec: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  const { nanoCpus = 0, cpuShares = 0, cpuPeriod = 0, cpuQuota = 0 } = spec;
  if (!host.cgroup.controllers.has("cpu")) {
    if (nanoCpus > 0) {
      throw invalidLimit(
        "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
      );
    }
    if (cpuShares > 0) warn(discarded("CPU shares", "Shares"));
    if (cpuPeriod > 0 || cpuQuota > 0) {
      warn("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
    }
    return {};
  }
  const result: Record<string, unknown> = {};
  if (cpuShares > 0) result["shares"] = Math.min(Math.max(cpuShares, fewestShares), mostShares);
  if (nanoCpus > 0) {
    result["period"] = 100_000;
    result["quota"] = Math.round(nanoCpus / 10_000);
  }
  if (cpuPeriod > 0) result["period"] = cpuPeriod;
  if (cpuQuota !== 0) result["quota"] = cpuQuota;
  return result;
}

function realtimeOf({ cpuRealtimePeriod = 0, cpuRealtimeRuntime = 0 }: ResourceSpec, host: LimitHost) {
  if (cpuRealtimePeriod === 0 && cpuRealtimeRuntime === 0) return {};
  if (!offers(host.cgroup, realtime)) {
    throw invalidLimit("Your kernel does not support CPU real-time scheduler");
  }
  if (cpuRealtimePeriod < 0 || cpuRealtimeRuntime < 0) {
    throw invalidLimit("cpu real-time period and runtime cannot be negative");
  }
  if (cpuRealtimeRuntime > (cpuRealtimePeriod || kernelsPeriod)) {
    throw invalidLimit("cpu real-time runtime cannot be higher than cpu real-time period");
  }
  return {
    ...(cpuRealtimePeriod === 0 ? {} : { realtimePeriod: cpuRealtimePeriod }),
    ...(cpuRealtimeRuntime === 0 ? {} : { realtimeRuntime: cpuRealtimeRuntime }),
  };
}

function setsOf({ cpusetCpus, cpusetMems }: ResourceSpec, host: LimitHost, warn: Warn) {
  if (!cpusetCpus && !cpusetMems) return {};
  if (!host.cgroup.controllers.has("cpuset")) {
    warn(discarded("cpuset", "Cpuset"));
    return {};
  }
  return {
    ...(cpusetCpus ? { cpus: checkCpuSet(cpusetCpus, "cpus") } : {}),
    ...(cpusetMems ? { mems: checkCpuSet(cpusetMems, "mems") } : {}),
  };
}

function checkCpu(spec: ResourceSpec, cpus: number): void {
  const { nanoCpus = 0, cpuShares = 0, cpuPeriod = 0, cpuQuota = 0 } = spec;
  if (nanoCpus > 0 && cpuPeriod > 0) {
    throw invalidLimit("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (nanoCpus > 0 && cpuQuota > 0) {
    throw invalidLimit("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  // The kernel's shortest quota, 1 ms, of Docker's period, 100 ms.
  if (nanoCpus < 0 || nanoCpus > cpus * 1e9 || (nanoCpus > 0 && nanoCpus < 1e7)) {
    throw invalidLimit(`Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  }
  if (cpuShares < 0) {
    throw invalidLimit(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  }
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000)) {
    throw invalidLimit(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (cpuQuota < -1 || (cpuQuota > 0 && cpuQuota < 1000)) {
    throw invalidLimit("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
}
