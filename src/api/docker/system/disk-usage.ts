import { fail } from "../../../base/index.ts";
import { encodeSummary as encodeContainer } from "../containers/list.ts";
import { encodeSummary as encodeImage, layerUse, sharedSize } from "../images/wire.ts";
import type { ApiVersion } from "../versions.ts";
import { volumeUse } from "../volumes/routes.ts";
import { encodeVolume } from "../volumes/wire.ts";
import type { SystemBackend } from "./backend.ts";

const parts = ["container", "image", "volume", "build-cache"] as const;
type Part = (typeof parts)[number];

/** GET /system/df; `types` are the parts asked for, all when empty. Throws `invalid` for an unknown one. */
export async function encodeDiskUsage(backend: SystemBackend, types: readonly string[], version: ApiVersion) {
  const unknown = types.find((type) => !(parts as readonly string[]).includes(type));
  if (unknown !== undefined) throw fail("invalid", "api.bad-parameter", `unknown object type: ${unknown}`);
  const wants = (part: Part) => types.length === 0 || types.includes(part);
  const [containers, volumes, cache] = await Promise.all([
    wants("container") ? encodeContainers(backend) : null,
    wants("volume") ? encodeVolumes(backend) : null,
    wants("build-cache") ? encodeCache(backend) : null,
  ]);
  return {
    ...(wants("image")
      ? { LayersSize: backend.layers.list().reduce((sum, layer) => sum + layer.size, 0) }
      : {}),
    Images: wants("image") ? encodeImages(backend, version) : null,
    Containers: containers,
    Volumes: volumes,
    BuildCache: cache?.entries ?? null,
    ...(cache === null ? {} : { BuilderSize: cache.size }),
  };
}

function encodeContainers(backend: SystemBackend) {
  return Promise.all(
    backend.containers.list().map((one) => encodeContainer(backend.containerBackend, one, true)),
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
  return Promise.all(
    backend.volumes.list().map(async (volume) => ({
      ...encodeVolume(volume),
      UsageData: { RefCount: uses.get(volume.name) ?? 0, Size: await backend.volumes.usage(volume.name) },
    })),
  );
}

/** The builder tells its cache as a whole, so that is one entry. */
async function encodeCache(backend: SystemBackend) {
  const { entries, bytes } = await backend.builds.cacheUsage();
  const now = backend.clock.now().toISOString();
  const whole = {
    ID: "cache",
    Type: "regular",
    Description: `${entries} build steps`,
    InUse: false,
    Shared: false,
    Size: bytes,
    CreatedAt: now,
    LastUsedAt: now,
    UsageCount: 0,
  };
  return { entries: entries === 0 ? [] : [whole], size: bytes };
}
