import { toVirgaError } from "../../base/index.ts";
import type { PruneContainers } from "../container.ts";
import type { Engine } from "../engine.ts";
import { remove } from "./lifecycle.ts";
import type { Entry } from "../registry.ts";
import { sizeOf } from "../files/size.ts";
import { isActive } from "../state.ts";

/** What does not run and is old enough. */
export function prunable(engine: Engine, options: PruneContainers): Entry[] {
  return [...engine.registry.entries.values()].filter(({ record: { container } }) => {
    if (isActive(container.state) || container.state.status === "removing") return false;
    if (options.until !== undefined && container.createdAt >= options.until) return false;
    return !options.keep?.(container);
  });
}

/** Removes it. One that cannot be removed does not keep the others. */
export async function prune(
  engine: Engine,
  options: PruneContainers,
): Promise<{ readonly removed: readonly string[]; readonly freed: number }> {
  const removed: string[] = [];
  let freed = 0;
  for (const entry of prunable(engine, options)) {
    const { container } = entry.record;
    try {
      const { written } = await sizeOf(engine, entry.record);
      await remove(engine, entry, {});
      removed.push(container.id);
      freed += written;
    } catch (error) {
      engine.logger.warn("a container could not be pruned", {
        container: container.id,
        error: toVirgaError(error),
      });
    }
  }
  engine.events.emit("container", "prune", "", { reclaimed: String(freed) });
  return { removed, freed };
}
