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

export function createCacheTable(
  { db, transaction }: State,
  clock: Clock,
  upstreams: readonly Upstream[],
): CacheTable {
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
  const among = (count: number) =>
    `(SELECT id FROM registry_repositories WHERE ${Array.from({ length: count }, () => "name GLOB ?").join(" OR ")})`;
  const items = (count: number) =>
    `SELECT digest, size, touched_at AS at FROM registry_links WHERE repository IN ${among(count)}
     UNION ALL SELECT digest, size, pushed_at FROM registry_manifests WHERE repository IN ${among(count)}`;
  const sizeOf = (these: readonly string[]) =>
    db
      .query<{ bytes: number }, string[]>(
        `SELECT coalesce(sum(size), 0) AS bytes FROM (SELECT DISTINCT digest, size FROM (${items(these.length)}))`,
      )
      .get(...these, ...these)!.bytes;

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
      return { repositories, bytes: sizeOf([pattern]) };
    },
    shrink(bytes) {
      if (patterns.length === 0) return [];
      return transaction(() => {
        let total = sizeOf(patterns);
        if (total <= bytes) return [];
        const oldest = db.query<Item, string[]>(
          `SELECT digest, size FROM (${items(patterns.length)}) GROUP BY digest ORDER BY max(at), digest`,
        );
        const gone: Digest[] = [];
        for (const { digest, size } of oldest.all(...patterns, ...patterns)) {
          if (total <= bytes) break;
          for (const table of ["registry_links", "registry_manifests"]) {
            const where = `digest = ? AND repository IN ${among(patterns.length)}`;
            db.run(`DELETE FROM ${table} WHERE ${where}`, [digest, ...patterns]);
          }
          gone.push(digest);
          total -= size;
        }
        return gone;
      });
    },
  };
}
