import { existsSync, mkdirSync } from "node:fs";
import { makeDiskImage, mountDiskImage, unmountDiskImage, type DiskImage } from "../../host/index.ts";
import type { Container } from "../container.ts";

/**
 * What a container writes, where it is limited (`--storage-opt size`): a filesystem of its own in a file, mounted over
 * the folder of the overlay, as long as the overlay is mounted (docs/decisions/0012).
 *
 * ```text
 * CONTAINER/writable.ext4     the file: sparse, made when the container is first used
 * CONTAINER/overlay           where it is mounted; `upper`, `work` and `merged` are in it
 * ```
 */
export function writableLayerOf({ folder, spec }: Pick<Container, "folder" | "spec">): DiskImage | undefined {
  const { writableLimit: bytes } = spec;
  if (bytes === undefined) return undefined;
  return { path: `${folder}/writable.ext4`, bytes, volatile: spec.autoRemove ?? false };
}

/** Mounts it; does nothing for a container without a limit. */
export async function openWritableLayer(container: Container, overlay: string): Promise<void> {
  const image = writableLayerOf(container);
  if (image === undefined) return;
  mkdirSync(overlay, { recursive: true, mode: 0o700 });
  if (!existsSync(image.path)) await makeDiskImage(image);
  await mountDiskImage(image, overlay);
}

export async function closeWritableLayer(overlay: string): Promise<void> {
  await unmountDiskImage(overlay);
}
