import type { ImageUse, LayerUse } from "../../images/index.ts";
import type { RunningSandboxes } from "../../networks/index.ts";
import type { VolumeUse } from "../../volumes/index.ts";
import type { Digest } from "../../content/index.ts";
import type { Container } from "../container.ts";
import { volumesOf } from "./create.ts";
import type { Registry } from "../registry.ts";
import { isActive } from "../state.ts";

/** Which containers are made from an image, those being made included. */
export function imageUse(registry: Registry): ImageUse {
  return {
    containersOf: (imageId) => [
      ...[...registry.entries.values()]
        .map((entry) => entry.record.container)
        .filter((container) => container.imageId === imageId || mountsImage(container, imageId))
        .map((container) => ({ id: container.id, running: isActive(container.state) })),
      ...registry
        .reservations()
        .filter((one) => one.imageId === imageId || one.images.includes(imageId))
        .filter((one) => !registry.entries.has(one.id))
        .map((one) => ({ id: one.id, running: false })),
    ],
  };
}

function mountsImage({ mounts }: Container, imageId: Digest): boolean {
  return mounts.some((mount) => mount.type === "image" && mount.imageId === imageId);
}

/** Layers that containers stand on, also when their image's name is gone, and those of commits under way. */
export function layerUse(registry: Registry): LayerUse {
  return {
    *layersInUse(without) {
      for (const [id, { record }] of registry.entries) {
        if (without?.has(id)) continue;
        yield* record.layers;
        for (const mount of record.container.mounts) if (mount.type === "image") yield* mount.layers;
      }
      for (const { layer } of registry.commits) yield layer;
    },
    *blobsInUse() {
      for (const { blob } of registry.commits) yield blob;
    },
  };
}

/** Which containers name a volume. One that is being removed does not any more. */
export function volumeUse(registry: Registry): VolumeUse {
  return {
    containersOf: (volume) => [
      ...[...registry.entries.values()]
        .filter(({ record }) => record.container.state.status !== "removing")
        .filter(({ record, claims }) => [...volumesOf(record.container.mounts), ...claims].includes(volume))
        .map(({ record }) => record.container.id),
      ...registry
        .reservations()
        .filter((one) => one.volumes.includes(volume) && !registry.entries.has(one.id))
        .map((one) => one.id),
    ],
  };
}

/** What runs and is plugged in, for the networks to bring back what is missing. */
export function runningSandboxes(registry: Registry): RunningSandboxes {
  return {
    running: () =>
      [...registry.entries.values()].flatMap(({ record }) => {
        const { container, attached } = record;
        if (container.state.status !== "running") return [];
        return [
          {
            sandbox: { containerId: container.id, pid: container.state.pid },
            endpoints: attached,
            ports: container.publishedPorts,
          },
        ];
      }),
  };
}
