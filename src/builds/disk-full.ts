import { errnoOf, fail } from "../base/index.ts";

/** `work`, with a full disk, wherever it has met it, as `exhausted` / `build.disk-full`; other failures as they are. */
export async function namingFullDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes(errnoOf(error) ?? "")) throw error;
    throw fail("exhausted", "build.disk-full", "no space left on the disk while building", {
      hint: "free some space, for example with 'virga prune'",
      cause: error,
    });
  }
}
