import { fail } from "../../base/index.ts";
import { checkRestart } from "../checks/spec.ts";
import type { Container, ContainerUpdate } from "../container.ts";
import { emit, type Engine } from "../engine.ts";
import { buildResources } from "../oci/index.ts";
import { setContainer, type Entry } from "../registry.ts";
import type { ResourceSpec } from "../spec.ts";

/** Changes limits, at once when it runs, and the restart policy; the caller holds its lock. */
export async function updateContainer(
  engine: Engine,
  entry: Entry,
  change: ContainerUpdate,
): Promise<{ readonly warnings: readonly string[] }> {
  const { container } = entry.record;
  if (container.state.status === "removing" || container.state.status === "dead") {
    throw fail(
      "conflict",
      "container.removing",
      `container ${container.id} is being removed: nothing to update`,
    );
  }
  if (change.resources !== undefined) checkChange(container.spec.resources ?? {}, change.resources);
  if (change.restart !== undefined) refuseRestart(container, change.restart.name);
  const resources = { ...container.spec.resources, ...change.resources };
  const spec = {
    ...container.spec,
    resources,
    ...(change.restart === undefined ? {} : { restart: change.restart }),
  };
  checkRestart(spec);
  const built = buildResources(resources, engine.host);
  if (change.resources !== undefined && container.state.status === "running") {
    await engine.runtime.update(container.id, built.resources);
  }
  engine.store.save({ ...entry.record, container: { ...container, spec } });
  setContainer(entry, { spec });
  emit(engine, entry, "update");
  return { warnings: built.warnings };
}

/** What is fixed when the first process is made. */
const fixed = [
  "cgroupParent", "devices", "deviceCgroupRules", "deviceRequests", "ulimits", "oomScoreAdj",
] as const; // prettier-ignore

/** Throws `unimplemented` / `container.update-field` and `conflict` / `container.update-conflict`, in Docker's words. */
function checkChange(before: ResourceSpec, change: ResourceSpec): void {
  for (const field of fixed) {
    // Some clients send back all that inspect has told them.
    if (change[field] === undefined || Bun.deepEquals(change[field], before[field])) continue;
    const message = `${field} of a container that exists cannot be changed`;
    throw fail("unimplemented", "container.update-field", message, { hint: "create it anew" });
  }
  const conflict = (message: string) => fail("conflict", "container.update-conflict", message);
  const clash = (what: string, set: string) =>
    conflict(`Conflicting options: ${what} cannot be updated as ${set} has already been set`);
  const { nanoCpus = 0, cpuPeriod = 0, cpuQuota = 0, memory = 0, memorySwap = 0 } = change;
  if (nanoCpus > 0 && (before.cpuPeriod ?? 0) > 0) throw clash("Nano CPUs", "CPU Period");
  if (nanoCpus > 0 && (before.cpuQuota ?? 0) > 0) throw clash("Nano CPUs", "CPU Quota");
  if (cpuPeriod > 0 && (before.nanoCpus ?? 0) > 0) throw clash("CPU Period", "NanoCPUs");
  if (cpuQuota > 0 && (before.nanoCpus ?? 0) > 0) throw clash("CPU Quota", "NanoCPUs");
  const swap = before.memorySwap ?? (before.memory ?? 0) * 2;
  if (memorySwap === 0 && swap > 0 && memory > swap) {
    throw conflict(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
}

function refuseRestart({ spec }: Container, name: string): void {
  if (!spec.autoRemove || name === "no") return;
  throw fail(
    "conflict",
    "container.update-conflict",
    "Restart policy cannot be updated because AutoRemove is enabled for the container",
  );
}
