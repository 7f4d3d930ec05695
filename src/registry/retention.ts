import type { Clock } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, fits } from "./patterns.ts";

/**
 * What is kept of the repositories that fit a pattern. `keepTags`: of the tags that fit `tags`, so many that were pushed
 * last stay. `untaggedMs`: manifests without a tag go so long after their push; those that an index refers to, and
 * referrers of a manifest that is there, stay.
 */
export interface RetentionRule {
  readonly id: number;
  readonly repositories: string;
  readonly tags: string;
  readonly keepTags?: number;
  readonly untaggedMs?: number;
}

export interface Retention {
  list(): readonly RetentionRule[];
  /** Throws `invalid` for a pattern that is none, and for a rule that keeps everything. */
  add(rule: Omit<RetentionRule, "id">): RetentionRule;
  /** False when there was none. */
  remove(id: number): boolean;
  /** Does what the rules say; `dryRun` only tells. */
  apply(options?: { readonly dryRun?: boolean }): RetentionResult;
}

export interface RetentionResult {
  readonly tags: readonly { readonly repository: string; readonly tag: string }[];
  readonly manifests: readonly { readonly repository: string; readonly digest: Digest }[];
}

interface Row {
  id: number;
  repositories: string;
  tags: string;
  keep_tags: number | null;
  untagged_ms: number | null;
}

interface Repository {
  readonly id: number;
  readonly name: string;
}

export function createRetention(state: State, clock: Clock): Retention {
  const { db } = state;
  const list = () => db.query<Row, []>("SELECT * FROM registry_retention ORDER BY id").all().map(toRule);
  return {
    list,
    add(rule) {
      checkPattern(rule.repositories);
      if (rule.keepTags === undefined && rule.untaggedMs === undefined) throw keepsEverything();
      const row = db
        .query<Row, [string, string, number | null, number | null]>(
          `INSERT INTO registry_retention (repositories, tags, keep_tags, untagged_ms)
           VALUES (?, ?, ?, ?) RETURNING *`,
        )
        .get(rule.repositories, rule.tags, rule.keepTags ?? null, rule.untaggedMs ?? null);
      return toRule(row!);
    },
    remove: (id) => db.run("DELETE FROM registry_retention WHERE id = ?", [id]).changes > 0,
    apply: ({ dryRun = false } = {}) => {
      const rules = list();
      if (rules.length === 0) return { tags: [], manifests: [] };
      return state.transaction(() => {
        // A dry run does it all and takes it back.
        db.run("SAVEPOINT retention");
        const result = applyRules(state, rules, clock.now().getTime());
        db.run(dryRun ? "ROLLBACK TO retention" : "RELEASE retention");
        return result;
      });
    },
  };
}

function applyRules({ db }: State, rules: readonly RetentionRule[], now: number): RetentionResult {
  const repositories = db.query<Repository, []>("SELECT id, name FROM registry_repositories").all();
  const pairs = rules.flatMap((rule) =>
    repositories
      .filter(({ name }) => fits(rule.repositories, name))
      .map((repository) => ({ rule, repository })),
  );
  const tagsOf = db.query<{ name: string }, [number]>(
    "SELECT name FROM registry_tags WHERE repository = ? ORDER BY updated_at DESC, name DESC",
  );
  const tags = pairs.flatMap(({ rule, repository: { id, name: repository } }) => {
    if (rule.keepTags === undefined) return [];
    const matching = tagsOf.all(id).filter(({ name }) => fits(rule.tags, name));
    return matching.slice(rule.keepTags).map(({ name: tag }) => {
      db.run("DELETE FROM registry_tags WHERE repository = ? AND name = ?", [id, tag]);
      return { repository, tag };
    });
  });
  const manifests = pairs.flatMap(({ rule, repository }) => untagged(db, rule, repository, now));
  return { tags, manifests };
}

/** Until nothing more goes: an index that is gone needs its members no more. */
function untagged(
  db: State["db"],
  { untaggedMs }: RetentionRule,
  { id, name: repository }: Repository,
  now: number,
): RetentionResult["manifests"][number][] {
  if (untaggedMs === undefined) return [];
  const removed: Digest[] = [];
  const statement = db.query<{ digest: Digest }, [number, number]>(
    `DELETE FROM registry_manifests AS m WHERE repository = ? AND pushed_at < ?
       AND NOT EXISTS (SELECT 1 FROM registry_tags AS t WHERE t.repository = m.repository AND t.digest = m.digest)
       AND NOT EXISTS (SELECT 1 FROM registry_references AS r
                       WHERE r.repository = m.repository AND r.target = m.digest)
       AND NOT EXISTS (SELECT 1 FROM registry_manifests AS s
                       WHERE s.repository = m.repository AND s.digest = m.subject)
     RETURNING digest`,
  );
  for (;;) {
    const gone = statement.all(id, now - untaggedMs);
    if (gone.length === 0) return removed.map((digest) => ({ repository, digest }));
    removed.push(...gone.map((one) => one.digest));
  }
}

function toRule({
  id,
  repositories,
  tags,
  keep_tags: keepTags,
  untagged_ms: untaggedMs,
}: Row): RetentionRule {
  return {
    id,
    repositories,
    tags,
    ...(keepTags === null ? {} : { keepTags }),
    ...(untaggedMs === null ? {} : { untaggedMs }),
  };
}

function keepsEverything(): Error {
  return refuse("invalid", "registry.rule-invalid", "the rule keeps everything", {
    hint: "say how many tags are kept (--keep 10), or how long manifests without a tag (--untagged 168h)",
  });
}
