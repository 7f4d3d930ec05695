import type { CacheRecord } from "../../../builds/index.ts";
import type { KeptFolders } from "./kept-folders.ts";

/** The folders that no build has now, as records of the cache. */
export async function folderRecords(folders: Pick<KeptFolders, "list">): Promise<CacheRecord[]> {
  const records: CacheRecord[] = [];
  for (const { id, lastUsedAt, createdAt, bytes } of folders.list()) {
    const size = await bytes();
    const fixed = {
      type: "source.local" as const,
      description: "files that a client has sent",
      usageCount: 1,
    };
    records.push({ id, ...fixed, size, createdAt, lastUsedAt, inUse: false, shared: false });
  }
  return records;
}

/** Takes away those that `select` accepts; their ids, and the bytes freed. */
export async function pruneFolders(
  folders: Pick<KeptFolders, "list" | "remove">,
  select: (record: CacheRecord) => boolean,
): Promise<{ readonly removed: readonly string[]; readonly freed: number }> {
  const going = (await folderRecords(folders)).filter(select);
  for (const { id } of going) await folders.remove(id);
  return { removed: going.map((one) => one.id), freed: going.reduce((sum, one) => sum + one.size, 0) };
}
