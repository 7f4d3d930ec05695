import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, fits } from "./patterns.ts";

/** How much the repositories that fit a pattern may hold together; a blob that several have counts once. */
export interface Quota {
  readonly repositories: string;
  readonly bytes: number;
}

export interface Quotas {
  list(): readonly (Quota & { readonly used: number })[];
  /** Throws `invalid` for a pattern that is none. */
  set(quota: Quota): void;
  /** False when there was none. */
  remove(repositories: string): boolean;
  /** Throws `permission` / `registry.quota-exceeded` when `more` bytes are too many for the repository. */
  check(repository: string, more: number): void;
  /** So many bytes the repository may still get. */
  room(repository: string): number;
}

export function createQuotas({ db }: State): Quotas {
  const all = db.query<Quota, []>("SELECT repositories, bytes FROM registry_quotas ORDER BY repositories");
  // GLOB knows `?` and `[` too; a pattern has neither.
  const used = db.query<{ used: number | null }, [string, string]>(
    `SELECT sum(size) AS used FROM (
       SELECT digest, size FROM registry_links JOIN registry_repositories ON id = repository WHERE name GLOB ?
       UNION SELECT digest, m.size FROM registry_manifests AS m JOIN registry_repositories ON id = repository
       WHERE name GLOB ?)`,
  );
  const usedBy = (pattern: string) => used.get(pattern, pattern)?.used ?? 0;
  /** The quota with the least room. */
  const tightest = (repository: string) =>
    all
      .all()
      .filter((quota) => fits(quota.repositories, repository))
      .map((quota) => ({ ...quota, used: usedBy(quota.repositories) }))
      .toSorted((a, b) => a.bytes - a.used - (b.bytes - b.used))[0];

  return {
    list: () => all.all().map((quota) => ({ ...quota, used: usedBy(quota.repositories) })),
    set({ repositories, bytes }) {
      db.run("INSERT OR REPLACE INTO registry_quotas VALUES (?, ?)", [checkPattern(repositories), bytes]);
    },
    remove: (repositories) =>
      db.run("DELETE FROM registry_quotas WHERE repositories = ?", [repositories]).changes > 0,
    check(repository, more) {
      const quota = tightest(repository);
      if (!quota || quota.used + more <= quota.bytes) return;
      const { repositories, bytes: limit, used } = quota;
      throw refuse(
        "permission",
        "registry.quota-exceeded",
        `'${repositories}' may hold ${limit} bytes and holds ${used}; ${more} more are too many`,
        {
          detail: { repositories, limit, used, asked: more },
          hint: "delete what is not needed, or ask who runs the registry for a larger quota",
        },
      );
    },
    room(repository) {
      const quota = tightest(repository);
      return quota ? Math.max(0, quota.bytes - quota.used) : Infinity;
    },
  };
}
