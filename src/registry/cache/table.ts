import type { Clock } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { State } from "../../state/index.ts";
import type { Upstream } from "./cache.ts";

/** What the caches hold, by when it was asked for. Everything is synchronous. */
export interface CacheTable {
  /** Milliseconds since the upstream said that the tag names what it names. */
  ageOf(repository: string, tag: string): number;
  /** The upstream has just said so. */
  confirm(repository: string, tag: string): void;
  untag(repository: string, tag: string): void;
  /** Somebody asked for the manifest or blob. */
  use(repository: string, digest: Digest): void;
  holds(upstream: Upstream): { readonly repositories: number; readonly bytes: number };
  /** Drops links and manifests, those that were not asked for the longest first, until `bytes` are left; what was dropped. */
  shrink(bytes: number): Digest[];
}

/** So exactly is known when something was last asked for. */
const useEveryMs = 60_000;

interface Item {
  digest: Digest;
  size: number;
}

export function createCacheTable(state: State, clock: Clock, upstreams: readonly Upstream[]): CacheTable {
  const { db } = state;
  const now = () => clock.now().getTime();
  const id = "(SELECT id FROM registry_repositories WHERE name = ?)";
  const tagged = db.query<{ updated_at: number }, [string, string]>(
    `SELECT updated_at FROM registry_tags WHERE repository = ${id} AND name = ?`,
  );
  const useLink = db.query<unknown, [number, string, string, number]>(
    `UPDATE registry_links SET touched_at = ? WHERE repository = ${id} AND digest = ? AND touched_at < ?`,
  );
  const useManifest = db.query<unknown, [number, string, string, number]>(
    `UPDATE registry_manifests SET pushed_at = ? WHERE repository = ${id} AND digest = ? AND pushed_at < ?`,
  );
  // GLOB knows `?` and `[` too; a prefix has neither.
  const patterns = upstreams.map(({ prefix }) => `${prefix}/*`);

  return {
    ageOf: (repository, tag) => now() - (tagged.get(repository, tag)?.updated_at ?? 0),
    confirm(repository, tag) {
      const statement = `UPDATE registry_tags SET updated_at = ? WHERE repository = ${id} AND name = ?`;
      db.run(statement, [now(), repository, tag]);
    },
    untag(repository, tag) {
      db.run(`DELETE FROM registry_tags WHERE repository = ${id} AND name = ?`, [repository, tag]);
    },
    use(repository, digest) {
      for (const one of [useLink, useManifest]) one.run(now(), repository, digest, now() - useEveryMs);
    },
    holds({ prefix }) {
      const pattern = `${prefix}/*`;
      const count = "SELECT count(*) AS repositories FROM registry_repositories WHERE name GLOB ?";
      const { repositories } = db.query<{ repositories: number }, [string]>(count).get(pattern)!;
      return { repositories, bytes: sizeOf(db, [pattern]) };
    },
    shrink: (bytes) => (patterns.length === 0 ? [] : state.transaction(() => shrink(db, patterns, bytes))),
  };
}

function among(patterns: readonly string[]): string {
  return `(SELECT id FROM registry_repositories WHERE ${patterns.map(() => "name GLOB ?").join(" OR ")})`;
}

/** Takes the patterns twice. */
function items(patterns: readonly string[]): string {
  return `SELECT digest, size, touched_at AS at FROM registry_links WHERE repository IN ${among(patterns)}
    UNION ALL SELECT digest, size, pushed_at FROM registry_manifests WHERE repository IN ${among(patterns)}`;
}

function sizeOf(db: State["db"], patterns: readonly string[]): number {
  const statement = `SELECT coalesce(sum(size), 0) AS bytes
    FROM (SELECT DISTINCT digest, size FROM (${items(patterns)}))`;
  return db.query<{ bytes: number }, string[]>(statement).get(...patterns, ...patterns)!.bytes;
}

function shrink(db: State["db"], patterns: readonly string[], bytes: number): Digest[] {
  let total = sizeOf(db, patterns);
  if (total <= bytes) return [];
  const oldest = `SELECT digest, size FROM (${items(patterns)}) GROUP BY digest ORDER BY max(at), digest`;
  const gone: Digest[] = [];
  for (const { digest, size } of db.query<Item, string[]>(oldest).all(...patterns, ...patterns)) {
    if (total <= bytes) break;
    for (const table of ["registry_links", "registry_manifests"]) {
      const where = `digest = ? AND repository IN ${among(patterns)}`;
      db.run(`DELETE FROM ${table} WHERE ${where}`, [digest, ...patterns]);
    }
    gone.push(digest);
    total -= size;
  }
  return gone;
}
