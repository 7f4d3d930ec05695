import { fail } from "../../base/index.ts";
import { renameEndpoints } from "../connections/connect.ts";
import { emit, type Engine } from "../engine.ts";
import { checkName } from "./names.ts";
import { type Entry } from "../registry.ts";

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
  emit(engine, entry, "rename", { oldName: `/${before.name}` });
}
