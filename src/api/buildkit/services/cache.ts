import { fail } from "../../../base/index.ts";
import type { Builds, CacheRecord } from "../../../builds/index.ts";
import { streaming, unary, type Methods } from "../rpc/server.ts";
import { folderRecords } from "../sessions/folder-records.ts";
import type { KeptFolders } from "../sessions/kept-folders.ts";
import type { Of } from "../wire/message.ts";
import * as wire from "../wire/control.ts";
import { timestampOf } from "../wire/well-known.ts";
import { cacheSelector } from "./cache-filters.ts";

export interface CacheDependencies {
  readonly builds: Pick<Builds, "cacheRecords" | "pruneCache">;
  readonly folders: Pick<KeptFolders, "list" | "remove">;
  readonly clock: { now(): Date };
}

const name = "/moby.buildkit.v1.Control";

/** What is kept for the next builds: results of steps, cache mounts, and the files that clients have sent. */
export function cacheMethods(dependencies: CacheDependencies): Methods {
  return {
    [`${name}/DiskUsage`]: unary(wire.diskUsageRequest, wire.diskUsageResponse, async ({ filter }) => {
      const selects = cacheSelector(filter);
      const records = [...dependencies.builds.cacheRecords(), ...(await folderRecords(dependencies.folders))];
      return { record: records.filter(selects).map(encodeUsage) };
    }),
    [`${name}/Prune`]: streaming(wire.pruneRequest, wire.usageRecord, async function* (request) {
      yield* (await prune(dependencies, request)).map(encodeUsage);
    }),
  };
}

async function prune(
  dependencies: CacheDependencies,
  { filter, all, keepDuration, reservedSpace, maxUsedSpace, minFreeSpace }: Of<typeof wire.pruneRequest>,
): Promise<CacheRecord[]> {
  if (minFreeSpace > 0) throw fail("unimplemented", "buildkit.prune", "min-free-space is not supported");
  const { builds, folders, clock } = dependencies;
  const selects = cacheSelector(filter);
  const oldest = clock.now().getTime() - keepDuration / 1e6;
  const chosen = (record: CacheRecord) =>
    selects(record) && (keepDuration === 0 || record.lastUsedAt.getTime() < oldest);
  const keep = reservedSpace || maxUsedSpace;
  const sent = keep > 0 ? [] : (await folderRecords(dependencies.folders)).filter(chosen);
  for (const { id } of sent) await folders.remove(id);
  const known = new Map(builds.cacheRecords().map((one) => [one.id, one]));
  const { removed } = await builds.pruneCache({
    all,
    select: (record) => chosen(record),
    ...(keep > 0 ? { keep } : {}),
  });
  return [...sent, ...removed.flatMap((id) => known.get(id) ?? [])];
}

function encodeUsage(record: CacheRecord): Partial<Of<typeof wire.usageRecord>> {
  const { id, size, inUse, shared, description, usageCount, type, createdAt, lastUsedAt } = record;
  return {
    id,
    size,
    inUse,
    shared,
    description,
    usageCount,
    mutable: type !== "regular",
    recordType: type,
    createdAt: timestampOf(createdAt),
    lastUsedAt: timestampOf(lastUsedAt),
  };
}
