import { existsSync } from "node:fs";
import { removeTree, runChecked } from "../../host/index.ts";
import type { Image } from "../../images/index.ts";
import type { BuildsDependencies } from "../build-run.ts";
import { cacheMountsFolder } from "../steps/cache-mounts.ts";
import type { Builds, CacheRecord, PrunableCache } from "../build.ts";
import type { StepCache } from "./step-cache.ts";

type PruneOptions = Parameters<Builds["pruneCache"]>[0] & { readonly images?: readonly Image[] };

/**
 * Forgets cached steps: all of them, or those whose layer no image has (steps of failed builds, of versions built
 * over, of stages that were only copied from). Layers go when nothing else needs them.
 */
export async function pruneCache(
  services: BuildsDependencies,
  cache: StepCache,
  options: Parameters<Builds["pruneCache"]>[0],
): Promise<{ removed: readonly string[]; freed: number }> {
  const removed = unneeded(services, cache, options);
  cache.remove(removed);
  // All images stay; what goes is the layers and blobs that none of them, and no container, needs.
  const { freed } = await services.images.prune({ all: false, keep: () => true });
  const whole = options.all && options.select === undefined;
  const mounts = whole ? await removeCacheMounts(services) : 0;
  services.events.emit("builder", "prune", "", { reclaimed: String(freed + mounts) });
  return { removed, freed: freed + mounts };
}

export function cacheRecords(services: BuildsDependencies, cache: StepCache): CacheRecord[] {
  return recordsWithLayers(services.images.list(), cache).map(({ record }) => record);
}

function recordsWithLayers(images: readonly Image[], cache: StepCache) {
  const inImages = new Set(images.flatMap((image) => image.config.rootfs.diff_ids));
  return cache.list().map(({ key, created, lastUsed, layer }) => ({
    hasLayer: layer !== undefined,
    record: {
      id: key,
      createdAt: new Date(created),
      lastUsedAt: new Date(lastUsed),
      size: layer?.size ?? 0,
      shared: layer !== undefined && inImages.has(layer.diffId),
    },
  }));
}

/** The ids of steps that a prune forgets once only `images` are left. */
function unneeded(services: BuildsDependencies, cache: StepCache, options: PruneOptions): string[] {
  const { all, images = services.images.list(), select } = options;
  return recordsWithLayers(images, cache)
    .filter(({ record, hasLayer }) => all || (hasLayer && !record.shared))
    .filter(({ record }) => select?.(record) ?? true)
    .map(({ record }) => record.id);
}

export async function prunableCache(
  services: BuildsDependencies,
  cache: StepCache,
  { all, images }: { readonly all: boolean; readonly images: readonly Image[] },
): Promise<PrunableCache> {
  const keys = unneeded(services, cache, { all, images });
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
