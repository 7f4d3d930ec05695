import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { toVirgaError } from "../../base/index.ts";
import { removeTree } from "../../host/index.ts";
import type { Engine } from "../engine.ts";
import type { ContainerRecord } from "../record.ts";
import { overlayOf } from "../files/rootfs.ts";

/** Where the files of a container wait that gets other layers, until it is known to run with them. */
const asideOf = (record: ContainerRecord) => `${overlayOf(record)}-before`;

export async function putAside(engine: Engine, record: ContainerRecord): Promise<void> {
  await engine.rootfs.evict(record);
  if (existsSync(overlayOf(record))) await rename(overlayOf(record), asideOf(record));
}

/** Does nothing when nothing was put aside. */
export async function takeBackAside(engine: Engine, record: ContainerRecord): Promise<void> {
  if (!existsSync(asideOf(record))) return;
  await engine.rootfs.evict(record);
  await removeTree(overlayOf(record), { within: record.container.folder });
  await rename(asideOf(record), overlayOf(record));
}

/** Never throws: what stays goes with the container. */
export async function forgetAside(engine: Engine, record: ContainerRecord): Promise<void> {
  try {
    await removeTree(asideOf(record), { within: record.container.folder });
  } catch (error) {
    engine.logger.warn("the files of a changed container's old image stay for now", {
      container: record.container.id,
      error: toVirgaError(error),
    });
  }
}
