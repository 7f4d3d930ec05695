import { fail } from "../../../base/index.ts";
import type { CacheRecord } from "../../../builds/index.ts";
import type { ApiContext } from "../http/context.ts";
import type { Filters } from "../http/filters.ts";
import { integer } from "../http/query.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";

export const cacheFilters = [
  "until", "unused-for", "id", "parent", "type", "description", "inuse", "shared", "private",
]; // prettier-ignore

/** An entry of `BuildCache` in GET /system/df. */
export function encodeCacheRecord(record: CacheRecord, version: ApiVersion) {
  return {
    ID: record.id,
    ...(holds(quirks.buildCacheParent, version) ? { Parent: "" } : {}),
    Type: record.type,
    Description: record.description,
    InUse: record.inUse,
    Shared: record.shared,
    Size: record.size,
    CreatedAt: record.createdAt.toISOString(),
    LastUsedAt: record.lastUsedAt.toISOString(),
    UsageCount: record.usageCount,
  };
}

/** What of the cache the filters of POST /build/prune choose, in BuildKit's words. Throws `invalid`. */
export function cacheSelector(filters: Filters, now: Date): (record: CacheRecord) => boolean {
  for (const name of cacheFilters) {
    if (filters.all(name).length < 2) continue;
    throw fail("invalid", "api.invalid-filter", `filters: multiple values for '${name}' are not supported`);
  }
  const until = filters.time("until", now) ?? filters.time("unused-for", now);
  const [shared, unshared] = [filters.flag("shared"), filters.flag("private")];
  const used = filters.flag("inuse");
  return (record) =>
    (until === undefined || record.lastUsedAt < until) &&
    filters.any("id", (value) => record.id.includes(value)) &&
    filters.exact("type", record.type) &&
    filters.exact("description", record.description) &&
    filters.exact("parent", "") &&
    (used === undefined || used === record.inUse) &&
    (shared === undefined || shared === record.shared) &&
    (unshared === undefined || unshared !== record.shared);
}

/** The bytes that the cache may keep after a prune; undefined: as little as can be. Throws `invalid`. */
export function bytesToKeep(c: ApiContext): number | undefined {
  const version = c.get("version");
  const old = holds(quirks.keepStorage, version);
  const reserved = old ? undefined : bytes(c, "reserved-space");
  return reserved || bytes(c, "keep-storage") || (old ? undefined : bytes(c, "max-used-space")) || undefined;
}

function bytes(c: ApiContext, name: string): number | undefined {
  const value = integer(c, name);
  if (value === undefined || value >= 0) return value;
  throw fail(
    "invalid",
    "api.bad-parameter",
    `${name} is in bytes and expects a positive integer, got ${value}`,
  );
}
