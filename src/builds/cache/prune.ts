import { existsSync } from "node:fs";
import { removeTree, runChecked } from "../../host/index.ts";
import type { Image } from "../../images/index.ts";
import type { PrunableCache } from "../build.ts";
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
  const entries = unneeded(cache, options.all, services.images.list());
  cache.remove(entries.map((entry) => entry.key));
  // All images stay; what goes is the layers and blobs that none of them, and no container, needs.
  const { freed } = await services.images.prune({ all: false, keep: () => true });
  const mounts = options.all ? await removeCacheMounts(services) : 0;
  services.events.emit("builder", "prune", "", { reclaimed: String(freed + mounts) });
  return { removed: entries.length, freed: freed + mounts };
}

function unneeded(cache: StepCache, all: boolean, images: readonly Image[]): CacheEntry[] {
  const inImages = new Set(images.flatMap((image) => image.config.rootfs.diff_ids));
  const unused = (entry: CacheEntry) => entry.layer !== undefined && !inImages.has(entry.layer.diffId);
  return cache.list().filter((entry) => all || unused(entry));
}

export async function prunableCache(
  services: BuildsDependencies,
  cache: StepCache,
  { all, images }: { readonly all: boolean; readonly images: readonly Image[] },
): Promise<PrunableCache> {
  const keys = unneeded(cache, all, images).map((entry) => entry.key);
  return { keys, bytes: all ? await cacheMountsSize(services) : 0 };
}

export function cacheUsage(cache: StepCache): { entries: number; bytes: number } {
  const entries = cache.list();
  const sizes = new Map(entries.flatMap(({ layer }) => (layer ? [[layer.diffId, layer.size] as const] : [])));
  return { entries: entries.length, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

async function cacheMountsSize({ identity }: BuildsDependencies): Promise<number> {
  const folder = identity.path("builds", cacheMountsFolder);
  return existsSync(folder) ? Number.parseInt(await runChecked(["du", "-sb", "--", folder]), 10) : 0;
}

async function removeCacheMounts(services: BuildsDependencies): Promise<number> {
  const size = await cacheMountsSize(services);
  const folder = services.identity.path("builds");
  await removeTree(services.identity.path("builds", cacheMountsFolder), { within: folder });
  return size;
}
