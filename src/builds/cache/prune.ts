import { existsSync } from "node:fs";
import { removeTree, runChecked } from "../../host/index.ts";
import type { BuildsDependencies } from "../build-run.ts";
import { cacheMountsFolder } from "../steps/run-mounts.ts";
import type { CacheEntry, StepCache } from "./step-cache.ts";

/**
 * Forgets cached steps: all of them, or those whose layer no image has (steps of failed builds, of versions built
 * over, of stages that were only copied from). Layers go when nothing else needs them.
 */
export async function pruneCache(
  services: BuildsDependencies,
  cache: StepCache,
  options: { readonly all: boolean },
): Promise<{ removed: number; freed: number }> {
  const inImages = new Set(services.images.list().flatMap((image) => image.config.rootfs.diff_ids));
  const unused = (entry: CacheEntry) => entry.layer !== undefined && !inImages.has(entry.layer.diffId);
  const entries = cache.list().filter((entry) => options.all || unused(entry));
  cache.remove(entries.map((entry) => entry.key));
  // All images stay; what goes is the layers and blobs that none of them, and no container, needs.
  const { freed } = await services.images.prune({ all: false, keep: () => true });
  const mounts = options.all ? await removeCacheMounts(services) : 0;
  services.events.emit("builder", "prune", "", { reclaimed: String(freed + mounts) });
  return { removed: entries.length, freed: freed + mounts };
}

export function cacheUsage(cache: StepCache): { entries: number; bytes: number } {
  const entries = cache.list();
  const sizes = new Map(entries.flatMap(({ layer }) => (layer ? [[layer.diffId, layer.size] as const] : [])));
  return { entries: entries.length, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

async function removeCacheMounts({ identity }: BuildsDependencies): Promise<number> {
  const folder = identity.path("builds", cacheMountsFolder);
  if (!existsSync(folder)) return 0;
  const size = Number.parseInt(await runChecked(["du", "-sb", "--", folder]), 10);
  await removeTree(folder, { within: identity.path("builds") });
  return size;
}
