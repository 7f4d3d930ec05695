import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { toVirgaError } from "../../base/index.ts";
import { removeTree } from "../../host/index.ts";
import type { Engine } from "../engine.ts";
import type { ContainerRecord } from "../record.ts";
import { overlayOf } from "../files/rootfs.ts";
import { writableLayerOf } from "../files/writable-layer.ts";

/** Where the files of a container wait that gets other layers, until it is known to run with them. */
const asideOf = (path: string) => `${path}-before`;

/** The overlay's folder, and the file that is mounted over it for a container with a limit. */
const placesOf = (record: ContainerRecord) => [
  overlayOf(record),
  ...[writableLayerOf(record.container)?.path ?? []].flat(),
];

export async function putAside(engine: Engine, record: ContainerRecord): Promise<void> {
  await engine.rootfs.evict(record);
  for (const place of placesOf(record)) if (existsSync(place)) await rename(place, asideOf(place));
}

/** Does nothing when nothing was put aside. */
export async function takeBackAside(engine: Engine, record: ContainerRecord): Promise<void> {
  for (const place of placesOf(record)) {
    if (!existsSync(asideOf(place))) continue;
    await engine.rootfs.evict(record);
    await removeTree(place, { within: record.container.folder });
    await rename(asideOf(place), place);
  }
}

/** Never throws: what stays goes with the container. */
export async function forgetAside(engine: Engine, record: ContainerRecord): Promise<void> {
  try {
    for (const place of placesOf(record)) {
      await removeTree(asideOf(place), { within: record.container.folder });
    }
  } catch (error) {
    engine.logger.warn("the files of a changed container's old image stay for now", {
      container: record.container.id,
      error: toVirgaError(error),
    });
  }
}
