import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const temporaryPrefix = ".virga-tmp-";

export interface AtomicWriteOptions {
  /** Permissions of the file, 0600 by default; the umask does not change them. */
  readonly mode?: number;
}

/**
 * Replaces the file at `path` as one step: whoever reads it, also after a crash or a power cut, sees the old content or
 * the new. Flushed to disk before it returns. Leaves no temporary file behind, but for a crash; see `sweepTemporary`.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const mode = options.mode ?? 0o600;
  const temporary = join(
    dirname(path),
    `${temporaryPrefix}${crypto.randomUUID().slice(0, 8)}-${basename(path)}`,
  );
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(data);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** fsync(2) of a directory: makes renames and removals in it outlive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes what a crash in `writeFileAtomic` left directly in `directory`. */
export async function sweepTemporary(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(temporaryPrefix)) await rm(join(directory, name), { force: true });
  }
}
