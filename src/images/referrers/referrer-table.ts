import type { Descriptor, Digest } from "../../content/index.ts";
import type { Migration, State } from "../../state/index.ts";
import type { Referrer } from "./referrer.ts";

export const referrerMigration: Migration = {
  id: "images/003-referrers",
  sql: `
    CREATE TABLE image_referrers (
      digest TEXT PRIMARY KEY, subject TEXT NOT NULL, document TEXT NOT NULL, config TEXT NOT NULL) STRICT;
    CREATE INDEX image_referrers_by_subject ON image_referrers (subject);`,
};

export interface StoredReferrer {
  readonly referrer: Referrer;
  readonly config: Descriptor;
}

/** The rows of referrers. Everything is synchronous. */
export interface ReferrerTable {
  referrersOf(subject: Digest): StoredReferrer[];
  referrer(digest: Digest): StoredReferrer | undefined;
  insertReferrer(one: StoredReferrer): void;
  /** Takes it away with those that refer to it; returns what they needed. */
  deleteReferrer(digest: Digest): Digest[];
  /** The referrers of a digest, and theirs. */
  allReferrersOf(subject: Digest): StoredReferrer[];
  /** What the referrers of these digests, and their referrers, need. */
  blobsOfReferrers(subjects: Iterable<Digest>): Set<Digest>;
  /** Takes away those that do not belong to these digests any more; returns what they needed. */
  keepReferrersOf(subjects: () => Iterable<Digest>): Digest[];
}

interface Row {
  document: string;
  config: string;
}

export function createReferrerTable(db: State["db"]): ReferrerTable {
  const bySubject = db.query<Row, [string]>(
    "SELECT document, config FROM image_referrers WHERE subject = ? ORDER BY rowid",
  );
  const byDigest = db.query<Row, [string]>("SELECT document, config FROM image_referrers WHERE digest = ?");
  const all = db.query<Row, []>("SELECT document, config FROM image_referrers");
  const remove = db.query("DELETE FROM image_referrers WHERE digest = ?");
  const referrersOf: ReferrerTable["referrersOf"] = (subject) => bySubject.all(subject).map(stored);
  const any = db.query("SELECT 1 FROM image_referrers LIMIT 1");
  const reachable = (subjects: Iterable<Digest>): StoredReferrer[] => {
    // Most daemons have none, and many images.
    if (any.get() === null) return [];
    const found = new Map<Digest, StoredReferrer>();
    const waiting = [...subjects];
    for (let subject = waiting.pop(); subject !== undefined; subject = waiting.pop()) {
      for (const one of referrersOf(subject)) {
        if (found.has(one.referrer.digest)) continue;
        found.set(one.referrer.digest, one);
        waiting.push(one.referrer.digest);
      }
    }
    return [...found.values()];
  };
  const drop = (gone: readonly StoredReferrer[]): Digest[] => {
    for (const { referrer } of gone) remove.run(referrer.digest);
    return gone.flatMap(blobsOfReferrer);
  };
  return {
    referrersOf,
    referrer(digest) {
      const row = byDigest.get(digest);
      return row ? stored(row) : undefined;
    },
    insertReferrer({ referrer, config }) {
      const texts = [JSON.stringify(referrer), JSON.stringify(config)] as const;
      db.query("INSERT OR IGNORE INTO image_referrers VALUES (?, ?, ?, ?)").run(
        ...[referrer.digest, referrer.subject, ...texts],
      );
    },
    deleteReferrer(digest) {
      const row = byDigest.get(digest);
      return drop([...(row ? [stored(row)] : []), ...reachable([digest])]);
    },
    allReferrersOf: (subject) => reachable([subject]),
    blobsOfReferrers: (subjects) => new Set(reachable(subjects).flatMap(blobsOfReferrer)),
    keepReferrersOf(subjects) {
      if (any.get() === null) return [];
      const rows = all.all().map(stored);
      const kept = new Set(reachable(subjects()).map((one) => one.referrer.digest));
      return drop(rows.filter((one) => !kept.has(one.referrer.digest)));
    },
  };
}

export function blobsOfReferrer({ referrer, config }: StoredReferrer): Digest[] {
  return [referrer.digest, config.digest, ...referrer.layers.map((layer) => layer.digest)];
}

function stored(row: Row): StoredReferrer {
  return {
    referrer: JSON.parse(row.document) as Referrer,
    config: JSON.parse(row.config) as Descriptor,
  };
}
