import type { ResourceSpec } from "../spec.ts";
import { discarded, invalidLimit, offers, type LimitHost, type Setting, type Warn } from "./limits.ts";

const minimumMemory = 6 * 1024 * 1024;

const swappiness: Setting = { controller: "memory", v1: ["memory.swappiness"], onlyV1: true };
const socketBuffers: Setting = {
  controller: "memory",
  v1: ["memory.kmem.tcp.limit_in_bytes"],
  onlyV1: true,
};

/** `linux.resources.memory`. */
export function limitMemory(spec: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  checkMemory(spec);
  return {
    ...limitsOf(spec, host, warn),
    ...swappinessOf(spec, host, warn),
    ...kernelMemoryOf(spec, host, warn),
    ...oomKillerOf(spec, host, warn),
  };
}

function limitsOf(spec: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  const { memory = 0, memorySwap = 0, memoryReservation = 0 } = spec;
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
  return result;
}

function swappinessOf({ memorySwappiness = -1 }: ResourceSpec, host: LimitHost, warn: Warn) {
  if (memorySwappiness === -1) return {};
  if (memorySwappiness < 0 || memorySwappiness > 100) {
    throw invalidLimit(`Invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (offers(host.cgroup, swappiness)) return { swappiness: memorySwappiness };
  warn(discarded("memory swappiness capabilities", "Memory swappiness"));
  return {};
}

/**
 * A limit of the kernel's own memory is in Docker's API up to 1.41, but Linux has given it up (5.4, and refuses it since
 * 5.16), and so has Docker. That of socket buffers still works on v1.
 */
function kernelMemoryOf(
  { kernelMemory = 0, kernelMemoryTcp = 0 }: ResourceSpec,
  host: LimitHost,
  warn: Warn,
): Record<string, unknown> {
  if (kernelMemory > 0) warn(discarded("kernel memory limit capabilities", "Limitation"));
  if (kernelMemoryTcp <= 0) return {};
  if (offers(host.cgroup, socketBuffers)) return { kernelTCP: kernelMemoryTcp };
  warn(discarded("kernel memory TCP limit capabilities", "Limitation"));
  return {};
}

function oomKillerOf({ oomKillDisable, memory = 0 }: ResourceSpec, host: LimitHost, warn: Warn) {
  if (!oomKillDisable) return {};
  if (host.cgroup.version === 2 || !host.cgroup.controllers.has("memory")) {
    warn("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    return {};
  }
  if (memory === 0) {
    warn(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
  return { disableOOMKiller: true };
}

function checkMemory({ memory = 0, memorySwap: swap = 0, memoryReservation: reservation = 0 }: ResourceSpec) {
  if (memory !== 0 && memory < minimumMemory) throw invalidLimit("Minimum memory limit allowed is 6MB");
  if (swap < -1) throw invalidLimit("memory-swap limit can not be less than -1");
  if (memory > 0 && swap > 0 && swap < memory) {
    throw invalidLimit("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && swap > 0) {
    throw invalidLimit("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (reservation < 0) throw invalidLimit("memory reservation can not be negative");
  if (reservation > 0 && reservation < minimumMemory) {
    throw invalidLimit("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && reservation > memory) {
    throw invalidLimit("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}
