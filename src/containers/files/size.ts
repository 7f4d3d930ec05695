import { lstat, readdir } from "node:fs/promises";
import { errnoOf } from "../../base/index.ts";
import type { Engine } from "../engine.ts";
import type { ContainerRecord } from "../record.ts";
import { openWritten } from "./rootfs.ts";

/** Bytes that the container has written, and with the layers of its image. */
export async function sizeOf(
  engine: Engine,
  record: ContainerRecord,
): Promise<{ readonly written: number; readonly total: number }> {
  await using tree = await openWritten(engine.rootfs, record);
  const written = await treeSize(tree.upper, new Set());
  const layers = record.layers.reduce((sum, diffId) => sum + engine.layers.stat(diffId).size, 0);
  return { written, total: written + layers };
}

/** Sizes of all files; hard links count once. What goes away meanwhile counts nothing. */
async function treeSize(path: string, seen: Set<bigint>): Promise<number> {
  let total = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await orNothing(readdir(folder, { withFileTypes: true }), [])) {
      const child = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        folders.push(child);
        continue;
      }
      const stats = await orNothing(lstat(child, { bigint: true }), undefined);
      if (!stats?.isFile() || (stats.nlink > 1n && seen.has(stats.ino))) continue;
      seen.add(stats.ino);
      total += Number(stats.size);
    }
  }
  return total;
}

async function orNothing<T, N>(work: Promise<T>, nothing: N): Promise<T | N> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return nothing;
    throw error;
  }
}
