import { fail } from "../../../base/index.ts";
import { encodeCacheRecord } from "../build/cache.ts";
import { encodeSummary as encodeContainer } from "../containers/list.ts";
import { encodeSummary as encodeImage, layerUse, sharedSize } from "../images/wire.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";
import { volumeUse } from "../volumes/routes.ts";
import { encodeVolume } from "../volumes/wire.ts";
import type { SystemBackend } from "./backend.ts";

const parts = ["container", "image", "volume", "build-cache"] as const;
type Part = (typeof parts)[number];

export interface DiskUsageOptions {
  /** The parts asked for; all when undefined. */
  readonly types: readonly string[] | undefined;
  /** The newer form with each item in it, instead of the older lists. */
  readonly verbose: boolean;
}

/** GET /system/df. Throws `invalid` for a type that does not exist. */
export async function encodeDiskUsage(
  backend: SystemBackend,
  { types, verbose }: DiskUsageOptions,
  version: ApiVersion,
) {
  const unknown = types?.find((type) => !(parts as readonly string[]).includes(type));
  if (unknown !== undefined) throw fail("invalid", "api.bad-parameter", `unknown object type: ${unknown}`);
  const wants = (part: Part) => types === undefined || types.includes(part);
  const layersSize = backend.layers.list().reduce((sum, layer) => sum + layer.size, 0);
  const [containers, volumes] = await Promise.all([
    wants("container") ? encodeContainers(backend, version) : null,
    wants("volume") ? encodeVolumes(backend) : null,
  ]);
  const images = wants("image") ? encodeImages(backend, version) : null;
  const cache = wants("build-cache") ? encodeCache(backend, version) : null;
  const older = {
    LayersSize: images === null ? 0 : layersSize,
    Images: images,
    Containers: containers,
    Volumes: volumes,
    BuildCache: cache,
    ...(holds(quirks.builderSize, version)
      ? { BuilderSize: (cache ?? []).reduce((sum, one) => sum + one.Size, 0) }
      : {}),
  };
  const sizes = { layers: layersSize, reclaimable: images === null ? 0 : reclaimable(backend, images) };
  const newer = encodeUsage({ images, containers, volumes, cache }, sizes, verbose);
  return verbose ? newer : { ...older, ...newer };
}

interface Items {
  readonly images: ReturnType<typeof encodeImages> | null;
  readonly containers: Awaited<ReturnType<typeof encodeContainers>> | null;
  readonly volumes: Awaited<ReturnType<typeof encodeVolumes>> | null;
  readonly cache: ReturnType<typeof encodeCache> | null;
}

/** How much there is of each, how much of it is in use, and how much a prune would free. */
function encodeUsage(
  { images, containers, volumes, cache }: Items,
  sizes: { readonly layers: number; readonly reclaimable: number },
  verbose: boolean,
) {
  const active = (images ?? []).filter((one) => one.Containers > 0).length;
  return {
    ...(images && { ImageUsage: summary(images, active, sizes.layers, sizes.reclaimable, verbose) }),
    ...(containers && {
      ContainerUsage: sized(
        containers,
        (one) => ["running", "paused", "restarting"].includes(one.State),
        (one) => one.SizeRw ?? 0,
        verbose,
      ),
    }),
    ...(volumes && {
      VolumeUsage: sized(
        volumes,
        (one) => one.UsageData.RefCount > 0,
        (one) => one.UsageData.Size,
        verbose,
      ),
    }),
    ...(cache && {
      BuildCacheUsage: sized(
        cache,
        (one) => one.InUse,
        (one) => (one.Shared ? 0 : one.Size),
        verbose,
      ),
    }),
  };
}

function sized<T>(
  items: readonly T[],
  active: (item: T) => boolean,
  size: (item: T) => number,
  verbose: boolean,
) {
  const sum = (of: readonly T[]) => of.reduce((total, one) => total + size(one), 0);
  const idle = items.filter((one) => !active(one));
  return summary(items, items.length - idle.length, sum(items), sum(idle), verbose);
}

function summary<T>(items: readonly T[], active: number, size: number, free: number, verbose: boolean) {
  return {
    ActiveCount: active,
    TotalCount: items.length,
    TotalSize: size,
    Reclaimable: free,
    ...(verbose ? { Items: items } : {}),
  };
}

/** Bytes of the layers that would be nobody's without the images that no container uses, however many of these share them. */
function reclaimable(backend: SystemBackend, images: ReturnType<typeof encodeImages>): number {
  const unused = new Set(images.filter((one) => one.Containers === 0).map((one) => one.Id));
  const { layers } = backend.imageBackend.images.garbage({ images: unused, users: new Set() });
  return layers.reduce((sum, one) => sum + one.size, 0);
}

function encodeContainers(backend: SystemBackend, version: ApiVersion) {
  return Promise.all(
    backend.containers.list().map((one) => encodeContainer(backend.containerBackend, one, true, version)),
  );
}

function encodeImages(backend: SystemBackend, version: ApiVersion) {
  const images = backend.imageBackend.images.list();
  const uses = layerUse(images);
  const containers = backend.containers.list();
  return images.map((image) =>
    encodeImage(
      image,
      {
        containers: containers.filter((one) => one.imageId === image.id).length,
        sharedSize: sharedSize(backend.imageBackend, image, uses),
      },
      version,
    ),
  );
}

async function encodeVolumes(backend: SystemBackend) {
  const uses = volumeUse(backend);
  const local = backend.volumes.list().filter(({ options }) => Object.keys(options).length === 0);
  return Promise.all(
    // As with Docker: what those with options hold is not here, or nobody knows.
    local.map(async (volume) => ({
      ...encodeVolume(volume),
      UsageData: { RefCount: uses.get(volume.name) ?? 0, Size: await backend.volumes.usage(volume.name) },
    })),
  );
}

function encodeCache(backend: SystemBackend, version: ApiVersion) {
  return backend.builds.cacheRecords().map((record) => encodeCacheRecord(record, version));
}
