import type { Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";

/** Deletes a task that could not be deleted before: it stands in the way of the next start, and of the removal. */
export async function forgetTask(engine: Engine, entry: Entry): Promise<void> {
  if (!entry.taskLeft) return;
  await engine.runtime.delete(entry.record.container.id, true);
  entry.taskLeft = false;
}
