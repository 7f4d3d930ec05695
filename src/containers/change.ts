import { fail } from "../base/index.ts";
import { checkRestart } from "./check-spec.ts";
import { renameEndpoints } from "./connect.ts";
import type { ContainerUpdate } from "./container.ts";
import { emit, type Engine } from "./engine.ts";
import { checkName } from "./names.ts";
import { buildResources } from "./oci/index.ts";
import { setContainer, type Entry } from "./registry.ts";

/** Gives a container another name, on its networks too; the caller holds its lock. */
export async function renameContainer(engine: Engine, entry: Entry, newName: string): Promise<void> {
  const before = entry.record.container;
  const name = checkName(newName);
  if (name === before.name) {
    throw fail(
      "invalid",
      "container.same-name",
      "Renaming a container with the same name as its current name",
    );
  }
  engine.registry.rename(before.id, name);
  try {
    await renameEndpoints(engine, entry, before.name);
    engine.store.save(entry.record);
  } catch (error) {
    engine.registry.rename(before.id, before.name);
    await renameEndpoints(engine, entry, name);
    throw error;
  }
  emit(engine, entry, "rename", { oldName: before.name });
}

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
