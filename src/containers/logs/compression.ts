import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { errnoOf, newId } from "../../base/index.ts";

export function compressedName(path: string): string {
  return `${path}.gz`;
}

/** Puts `path.gz` in the place of `path`; whoever has the file open goes on reading it. */
export async function compressLog(path: string): Promise<void> {
  const making = `${path}.gz.new`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(making, { mode: 0o600 }));
  await rename(making, compressedName(path));
  await rm(path, { force: true });
}

/** The content of `path.gz` as a file without a name; undefined when there is no such file. */
export async function openCompressed(path: string): Promise<FileHandle | undefined> {
  const plain = `${path}.reading-${newId().slice(0, 8)}`;
  try {
    await pipeline(
      createReadStream(compressedName(path)),
      createGunzip(),
      createWriteStream(plain, { flags: "wx", mode: 0o600 }),
    );
    return await open(plain, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  } finally {
    await rm(plain, { force: true });
  }
}
