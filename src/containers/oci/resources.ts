import type { OciResources } from "../../runtimes/index.ts";
import type { ResourceSpec } from "../spec.ts";
import { limitBlockIo } from "./limit-block-io.ts";
import { limitCpu } from "./limit-cpu.ts";
import { limitMemory } from "./limit-memory.ts";
import { discarded, type LimitHost, type Warn } from "./limits.ts";

/** PID_MAX_LIMIT of 64-bit kernels. */
const pidNumbers = 4 * 1024 * 1024;

export interface ResourcesResult {
  readonly resources: OciResources;
  readonly warnings: readonly string[];
}

/**
 * Limits in the OCI shape, for `buildOciConfig` and for `docker update` (Runtime.update). Validates as Docker does, in
 * its words; a limit whose controller is missing is left out with Docker's warning. Throws `invalid` /
 * `resources.invalid`.
 */
export function buildResources(spec: ResourceSpec, host: LimitHost): ResourcesResult {
  const warnings: string[] = [];
  const warn: Warn = (message) => warnings.push(message);
  const parts = {
    memory: limitMemory(spec, host, warn),
    cpu: limitCpu(spec, host, warn),
    pids: limitPids(spec, host, warn),
    blockIO: limitBlockIo(spec, host, warn),
  };
  const given = Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0);
  return { resources: Object.fromEntries(given), warnings };
}

function limitPids({ pidsLimit }: ResourceSpec, host: LimitHost, warn: Warn): Record<string, unknown> {
  if (pidsLimit === undefined) return {};
  if (!host.cgroup.controllers.has("pids")) {
    if (pidsLimit > 0) warn(discarded("PIDs limit capabilities", "PIDs limit"));
    return {};
  }
  // crun cannot write "max"; as many as the kernel has numbers for is the same, and more than that it refuses.
  return { limit: pidsLimit > 0 ? Math.min(pidsLimit, pidNumbers) : pidNumbers };
}
