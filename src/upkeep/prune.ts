import { fail } from "../base/index.ts";
import type { Builds } from "../builds/index.ts";
import type { Container, Containers } from "../containers/index.ts";
import { familiar, type Image, type Images } from "../images/index.ts";
import type { Network, Networks } from "../networks/index.ts";
import type { Volume, Volumes } from "../volumes/index.ts";
import type { PruneItem, PruneOptions, PruneReport, Upkeep } from "./upkeep.ts";

export interface UpkeepDependencies {
  readonly containers: Pick<Containers, "prunable" | "prune" | "size">;
  readonly networks: Pick<Networks, "prunable" | "prune">;
  readonly volumes: Pick<Volumes, "prunable" | "prune" | "usage">;
  readonly images: Pick<Images, "prunable" | "prune" | "list" | "garbage">;
  readonly builds: Pick<Builds, "prunableCache" | "pruneCache">;
}

export function createUpkeep(dependencies: UpkeepDependencies): Upkeep {
  return {
    planPrune: (options) => planPrune(dependencies, options),
    prune: (options) => prune(dependencies, options),
  };
}

/** What stays whatever the rules say: it is too young, or was not in the plan that somebody has seen. */
function keepers({ only, until, volumes }: PruneOptions) {
  if (volumes && until !== undefined) {
    throw fail("invalid", "prune.until-with-volumes", "'until' does not go together with 'volumes'", {
      hint: "prune the volumes by a call of their own",
    });
  }
  const seen = only && new Set(only);
  const unseen = (kind: PruneItem["kind"], id: string) => seen !== undefined && !seen.has(`${kind} ${id}`);
  return {
    container: ({ id }: Container) => unseen("container", id),
    network: ({ id, createdAt }: Network) =>
      unseen("network", id) || (until !== undefined && createdAt >= until),
    volume: ({ name }: Volume) => unseen("volume", name),
    image: ({ id }: Image) => unseen("image", id),
    cache: unseen("build-cache", cacheId),
  };
}

const cacheId = "build-cache";

async function planPrune(on: UpkeepDependencies, options: PruneOptions): Promise<PruneReport> {
  const { all = false, until } = options;
  const age = until === undefined ? {} : { until };
  const keep = keepers(options);
  const containers = on.containers.prunable({ ...age, keep: keep.container });
  const without = new Set(containers.map(({ id }) => id));
  const networks = on.networks.prunable(keep.network, without);
  const volumes = options.volumes ? on.volumes.prunable({ all: false, keep: keep.volume, without }) : [];
  const images = on.images.prunable({ all, ...age, keep: keep.image, without });
  const items = [
    ...(await Promise.all(containers.map((one) => containerItem(on, one)))),
    ...networks.map(({ id, name }): PruneItem => ({ kind: "network", id, name, bytes: 0 })),
    ...(await Promise.all(volumes.map((one) => volumeItem(on, one)))),
    ...(await imageItems(on, images, without, { all, cache: !keep.cache })),
  ];
  return { items, bytes: items.reduce((sum, item) => sum + item.bytes, 0) };
}

async function containerItem(on: UpkeepDependencies, { id, name }: Container): Promise<PruneItem> {
  return { kind: "container", id, name, bytes: (await on.containers.size(id)).written };
}

async function volumeItem(on: UpkeepDependencies, { name }: Volume): Promise<PruneItem> {
  return { kind: "volume", id: name, name, bytes: await on.volumes.usage(name) };
}

/** Layers and blobs that nothing needs once images, containers and cache entries are gone; each counts once. */
async function imageItems(
  on: UpkeepDependencies,
  images: readonly Image[],
  containers: ReadonlySet<string>,
  options: { readonly all: boolean; readonly cache: boolean },
): Promise<PruneItem[]> {
  const goes = new Set(images.map(({ id }) => id));
  const left = on.images.list().filter(({ id }) => !goes.has(id));
  const cache = options.cache
    ? await on.builds.prunableCache({ all: options.all, images: left })
    : { keys: [], bytes: 0 };
  const garbage = on.images.garbage({ images: goes, users: new Set([...containers, ...cache.keys]) });
  // A layer's tar may have the same digest as the layer: both go.
  const sizes = new Map<string, number>();
  for (const { diffId, size } of garbage.layers) sizes.set(diffId, size);
  for (const { digest, size } of garbage.blobs) sizes.set(digest, size + (sizes.get(digest) ?? 0));
  const take = (digests: readonly string[]) =>
    digests.reduce((sum, digest) => {
      const size = sizes.get(digest) ?? 0;
      sizes.delete(digest);
      return sum + size;
    }, 0);
  const items = images.map((image): PruneItem => {
    const { id, manifest, layers, config } = image;
    const digests = [id, manifest.digest, ...layers.map((one) => one.digest), ...config.rootfs.diff_ids];
    const name = image.references.map(familiar).join(", ");
    return { kind: "image", id, name: name === "" ? "<none>" : name, bytes: take(digests) };
  });
  const rest = take([...sizes.keys()]) + cache.bytes;
  if (rest === 0 && cache.keys.length === 0) return items;
  const name = cache.keys.length === 0 ? "layers without an image" : `${cache.keys.length} build steps`;
  return [...items, { kind: "build-cache", id: cacheId, name, bytes: rest }];
}

async function prune(on: UpkeepDependencies, options: PruneOptions): Promise<PruneReport> {
  const { all = false, until } = options;
  const age = until === undefined ? {} : { until };
  const keep = keepers(options);
  const plan = await planPrune(on, options);
  const containers = await on.containers.prune({ ...age, keep: keep.container });
  const networks = await on.networks.prune(keep.network);
  const volumes = options.volumes
    ? await on.volumes.prune({ all: false, keep: keep.volume })
    : { removed: [], freed: 0 };
  const images = await on.images.prune({ all, ...age, keep: keep.image });
  const cache = keep.cache ? { freed: 0 } : await on.builds.pruneCache({ all });
  const gone: Record<PruneItem["kind"], ReadonlySet<string>> = {
    container: new Set(containers.removed),
    network: new Set(networks),
    volume: new Set(volumes.removed),
    image: new Set<string>(images.deleted),
    "build-cache": new Set(keep.cache ? [] : [cacheId]),
  };
  return {
    items: plan.items.filter(({ kind, id, name }) => gone[kind].has(kind === "network" ? name : id)),
    bytes: containers.freed + volumes.freed + images.freed + cache.freed,
  };
}
