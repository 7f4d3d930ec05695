import type { Clock } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";
import { checkPattern, checkTagPattern, fits } from "./patterns.ts";
import type { Protections } from "./protections.ts";

/**
 * What is kept of the repositories that fit a pattern. `keepTags`: of the tags that fit `tags`, so many that were pushed
 * last stay. `unusedMs`: those that were pushed or pulled within this time stay; where both are said, either is enough.
 * Protected tags stay and are not counted, nor are those that only name what belongs to a manifest (`sha256-….sig`):
 * they go when a rule takes it. `untaggedMs`: manifests without a tag go so long after their push; those that an index refers to, and
 * referrers of a manifest that is there, stay.
 */
export interface RetentionRule {
  readonly id: number;
  readonly repositories: string;
  readonly tags: string;
  readonly keepTags?: number;
  readonly unusedMs?: number;
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
  unused_ms: number | null;
}

interface Repository {
  readonly id: number;
  readonly name: string;
}

export function createRetention(
  state: State,
  clock: Clock,
  protections: Pick<Protections, "covers">,
): Retention {
  const { db } = state;
  const list = () => db.query<Row, []>("SELECT * FROM registry_retention ORDER BY id").all().map(toRule);
  return {
    list,
    add(rule) {
      checkPattern(rule.repositories);
      checkTagPattern(rule.tags);
      const { keepTags = null, untaggedMs = null, unusedMs = null } = rule;
      if (keepTags === null && untaggedMs === null && unusedMs === null) throw keepsEverything();
      const row = db
        .query<Row, [string, string, number | null, number | null, number | null]>(
          `INSERT INTO registry_retention (repositories, tags, keep_tags, untagged_ms, unused_ms)
           VALUES (?, ?, ?, ?, ?) RETURNING *`,
        )
        .get(rule.repositories, rule.tags, keepTags, untaggedMs, unusedMs);
      return toRule(row!);
    },
    remove: (id) => db.run("DELETE FROM registry_retention WHERE id = ?", [id]).changes > 0,
    apply: ({ dryRun = false } = {}) => {
      const rules = list();
      if (rules.length === 0) return { tags: [], manifests: [] };
      return state.transaction(() => {
        // A dry run does it all and takes it back.
        db.run("SAVEPOINT retention");
        const result = applyRules({ state, protections, rules, now: clock.now().getTime() });
        db.run(dryRun ? "ROLLBACK TO retention" : "RELEASE retention");
        return result;
      });
    },
  };
}

/** `sha256-…`, `sha256-….sig`: tags by which clients find what belongs to a manifest. */
const attachedTag = /^(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})(\.[a-z]+)?$/;

interface Applied {
  readonly state: State;
  readonly protections: Pick<Protections, "covers">;
  readonly rules: readonly RetentionRule[];
  readonly now: number;
}

function applyRules({ state: { db }, protections, rules, now }: Applied): RetentionResult {
  const repositories = db.query<Repository, []>("SELECT id, name FROM registry_repositories").all();
  const pairs = rules.flatMap((rule) =>
    repositories
      .filter(({ name }) => fits(rule.repositories, name))
      .map((repository) => ({ rule, repository })),
  );
  const tagsOf = db.query<{ name: string; used: number }, [number]>(
    `SELECT t.name, max(t.updated_at, coalesce(m.pulled_at, 0)) AS used FROM registry_tags AS t
     JOIN registry_manifests AS m ON m.repository = t.repository AND m.digest = t.digest
     WHERE t.repository = ? ORDER BY t.updated_at DESC, t.name DESC`,
  );
  const untag = ({ id, name: repository }: Repository, tag: string) => {
    db.run("DELETE FROM registry_tags WHERE repository = ? AND name = ?", [id, tag]);
    return { repository, tag };
  };
  const tags = pairs.flatMap(({ rule, repository }) => {
    const { keepTags, unusedMs } = rule;
    if (keepTags === undefined && unusedMs === undefined) return [];
    return tagsOf
      .all(repository.id)
      .filter(({ name }) => fits(rule.tags, name) && !attachedTag.test(name))
      .filter(({ name }) => !protections.covers(repository.name, name))
      .slice(keepTags ?? 0)
      .filter(({ used }) => unusedMs === undefined || used < now - unusedMs)
      .map(({ name }) => untag(repository, name));
  });
  const manifests = pairs.flatMap(({ rule, repository }) => untagged(db, rule, repository, now));
  const gone = new Set(manifests.map(({ repository, digest }) => `${repository}@${digest}`));
  const attached = repositories.flatMap((repository) =>
    gone.size === 0
      ? []
      : tagsOf
          .all(repository.id)
          .filter(({ name }) => attachedTag.test(name) && gone.has(`${repository.name}@${subjectOf(name)}`))
          .map(({ name }) => untag(repository, name)),
  );
  return { tags: [...tags, ...attached], manifests };
}

function subjectOf(tag: string): string {
  return tag.replace(/\..*$/, "").replace("-", ":");
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
  unused_ms: unusedMs,
}: Row): RetentionRule {
  return {
    id,
    repositories,
    tags,
    ...(keepTags === null ? {} : { keepTags }),
    ...(untaggedMs === null ? {} : { untaggedMs }),
    ...(unusedMs === null ? {} : { unusedMs }),
  };
}

function keepsEverything(): Error {
  return refuse("invalid", "registry.rule-invalid", "the rule keeps everything", {
    hint: "say how many tags stay (--last 10), for how long unused ones do (--unused 720h), or manifests without a tag (--untagged 168h)",
  });
}
