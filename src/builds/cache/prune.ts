import type { Image } from "../../images/index.ts";
import type { BuildsDependencies } from "../build-run.ts";
import type { Builds, CacheRecord, PrunableCache } from "../build.ts";
import type { LayersInUse } from "./layers-in-use.ts";
import type { MountCache } from "./mount-cache.ts";
import type { CacheEntry, StepCache } from "./step-cache.ts";

export interface CacheParts {
  readonly services: BuildsDependencies;
  readonly cache: StepCache;
  readonly cacheMounts: MountCache;
  readonly inUse: Pick<LayersInUse, "isHeld">;
}

type PruneOptions = Parameters<Builds["pruneCache"]>[0] & { readonly images?: readonly Image[] };

/** A record, and what of the disk would be free without it. */
interface Weighed {
  readonly record: CacheRecord;
  /** Records of the same layer weigh once; undefined: nothing, or an image has it as well. */
  readonly weighs: { readonly what: string; readonly bytes: number } | undefined;
  readonly hasLayer: boolean;
}

/**
 * Forgets cached steps, and removes cache mounts that no step uses. Layers go when nothing else needs them: an image,
 * a running build.
 */
export async function pruneCache(
  parts: CacheParts,
  options: Parameters<Builds["pruneCache"]>[0],
): Promise<{ removed: readonly string[]; freed: number }> {
  const going = chosen(parts, options);
  const freed = await remove(parts, going);
  const removed = going.map(({ record }) => record.id);
  parts.services.events.emit("builder", "prune", "", { reclaimed: String(freed) });
  return { removed, freed };
}

/** Keeps the cache under `limit` bytes: what was not used for the longest time goes first. Returns the bytes freed. */
export async function trimCache(parts: CacheParts, limit: number): Promise<number> {
  const going = chosen(parts, { all: false, mounts: true, keep: limit });
  return going.length === 0 ? 0 : await remove(parts, going);
}

export function cacheRecords(parts: CacheParts): CacheRecord[] {
  return weighed(parts, parts.services.images.list()).map(({ record }) => record);
}

export function prunableCache(
  parts: CacheParts,
  { all, images }: { readonly all: boolean; readonly images: readonly Image[] },
): PrunableCache {
  const going = chosen(parts, { all, mounts: all, images });
  const [mounts, steps] = [true, false].map((wanted) => going.filter((one) => isMount(one) === wanted));
  return {
    keys: steps!.map(({ record }) => record.id),
    bytes: mounts!.reduce((sum, { record }) => sum + record.size, 0),
  };
}

export function cacheUsage({ cache }: CacheParts): { entries: number; bytes: number } {
  const entries = cache.list();
  const sizes = new Map(entries.flatMap(({ layer }) => (layer ? [[layer.diffId, layer.size] as const] : [])));
  return { entries: entries.length, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

async function remove(
  { services, cache, cacheMounts }: CacheParts,
  going: readonly Weighed[],
): Promise<number> {
  cache.remove(going.filter((one) => !isMount(one)).map(({ record }) => record.id));
  const mounts = await cacheMounts.remove(going.filter(isMount).map(({ record }) => record.id));
  // All images stay; what goes is the layers and blobs that none of them, and no container, needs.
  const { freed } = await services.images.prune({ all: false, keep: () => true });
  return freed + mounts;
}

function isMount({ record }: Weighed): boolean {
  return record.type === "exec.cachemount";
}

/** What goes, the longest unused first. */
function chosen(parts: CacheParts, options: PruneOptions): Weighed[] {
  const { all, mounts = all, images = parts.services.images.list(), select, keep } = options;
  const records = weighed(parts, images);
  const candidates = records.filter((one) => {
    if (one.record.inUse || !(select?.(one.record) ?? true)) return false;
    if (isMount(one)) return mounts;
    return all || (one.hasLayer && !one.record.shared);
  });
  return keep === undefined ? candidates : beyond(records, candidates, keep);
}

/** The first of `candidates` without which all records weigh `keep` at most. */
function beyond(records: readonly Weighed[], candidates: readonly Weighed[], keep: number): Weighed[] {
  const users = new Map<string, number>();
  let total = 0;
  for (const { weighs } of records) {
    if (!weighs) continue;
    const before = users.get(weighs.what) ?? 0;
    if (before === 0) total += weighs.bytes;
    users.set(weighs.what, before + 1);
  }
  const going: Weighed[] = [];
  for (const one of candidates) {
    if (total <= keep) break;
    going.push(one);
    if (!one.weighs) continue;
    const left = users.get(one.weighs.what)! - 1;
    users.set(one.weighs.what, left);
    if (left === 0) total -= one.weighs.bytes;
  }
  return going;
}

function weighed({ cache, cacheMounts, inUse }: CacheParts, images: readonly Image[]): Weighed[] {
  const inImages = new Set(images.flatMap((image) => image.config.rootfs.diff_ids));
  const steps = cache.list().map((entry) => stepRecord(entry, inImages, inUse));
  const mounts = cacheMounts.list().map((mount): Weighed => {
    const { folder, name, createdAt, lastUsedAt, uses, size } = mount;
    return {
      hasLayer: false,
      weighs: { what: folder, bytes: size },
      record: {
        id: folder,
        type: "exec.cachemount",
        description: name === "" ? "cache mount" : `cache mount ${name}`,
        createdAt: new Date(createdAt),
        lastUsedAt: new Date(lastUsedAt),
        usageCount: uses,
        size,
        shared: false,
        inUse: cacheMounts.isInUse(folder),
      },
    };
  });
  return [...steps, ...mounts].toSorted(
    (a, b) => a.record.lastUsedAt.getTime() - b.record.lastUsedAt.getTime(),
  );
}

function stepRecord(
  { key, made, lastUsed, layer, uses, description }: CacheEntry,
  inImages: ReadonlySet<string>,
  inUse: CacheParts["inUse"],
): Weighed {
  const shared = layer !== undefined && inImages.has(layer.diffId);
  // A layer is kept as files and as an archive.
  const bytes = layer ? layer.size + layer.descriptor.size : 0;
  return {
    hasLayer: layer !== undefined,
    weighs: layer && !shared ? { what: layer.diffId, bytes } : undefined,
    record: {
      id: key,
      type: "regular",
      description,
      createdAt: new Date(made),
      lastUsedAt: new Date(lastUsed),
      usageCount: uses,
      size: layer?.size ?? 0,
      shared,
      inUse: layer !== undefined && inUse.isHeld(layer.diffId),
    },
  };
}
