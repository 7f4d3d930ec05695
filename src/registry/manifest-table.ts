import type { Clock } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import type { ManifestContent } from "./manifest-format.ts";
import type { StoredManifest } from "./manifest.ts";
import type { Page } from "./registry.ts";

/** The tables of manifests, of what they refer to and of tags. Everything is synchronous. */
export interface ManifestTable {
  byDigest(repository: number, digest: Digest): StoredManifest | undefined;
  byTag(repository: number, tag: string): StoredManifest | undefined;
  insert(
    repository: number,
    manifest: { readonly digest: Digest; readonly size: number } & ManifestContent,
  ): void;
  tag(repository: number, tag: string, digest: Digest): void;
  /** With its tags. False when it was not there. */
  delete(repository: number, digest: Digest): boolean;
  untag(repository: number, tag: string): boolean;
  tags(repository: number, page: Page): string[];
  tagsOf(repository: number, digest: Digest): string[];
  /** Somebody has got the manifest. */
  pulled(repository: string, digest: Digest): void;
  /** In the order of their pushes. */
  referrers(repository: number, subject: Digest): Iterable<Descriptor>;
}

/** So exactly is known when a manifest was last pulled. */
const pulledEveryMs = 60_000;
const mostWritten = 10_000;

interface Row {
  digest: Digest;
  media_type: string;
  size: number;
}

interface ReferrerRow extends Row {
  artifact_type: string | null;
  annotations: string | null;
}

export function createManifestTable({ db }: State, clock: Clock): ManifestTable {
  const byDigest = db.query<Row, [number, string]>(
    "SELECT digest, media_type, size FROM registry_manifests WHERE repository = ? AND digest = ?",
  );
  const byTag = db.query<Row, [number, string]>(
    `SELECT m.digest, media_type, size FROM registry_tags AS t
     JOIN registry_manifests AS m ON m.repository = t.repository AND m.digest = t.digest
     WHERE t.repository = ? AND t.name = ?`,
  );
  const tags = db.query<{ name: string }, [number, string, number]>(
    "SELECT name FROM registry_tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?",
  );
  const referrers = db.query<ReferrerRow, [number, string]>(
    `SELECT digest, media_type, size, artifact_type, annotations FROM registry_manifests
     WHERE repository = ? AND subject = ? ORDER BY pushed_at, digest`,
  );
  const insert = db.query(
    `INSERT INTO registry_manifests
       (repository, digest, media_type, size, pushed_at, subject, artifact_type, annotations)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET media_type = excluded.media_type`,
  );
  const insertReference = db.query("INSERT OR IGNORE INTO registry_references VALUES (?, ?, ?)");
  const tagsOf = db.query<{ name: string }, [number, string]>(
    "SELECT name FROM registry_tags WHERE repository = ? AND digest = ? ORDER BY name",
  );
  const now = () => clock.now().getTime();
  const changes = (statement: string, ...values: (string | number)[]) => db.run(statement, values).changes;

  return {
    byDigest: (repository, digest) => stored(byDigest.get(repository, digest)),
    byTag: (repository, tag) => stored(byTag.get(repository, tag)),
    insert(repository, { digest, mediaType, size, subject, artifactType, annotations, blobs, others }) {
      const notes = annotations ? JSON.stringify(annotations) : null;
      insert.run(repository, digest, mediaType, size, now(), subject ?? null, artifactType ?? null, notes);
      for (const { digest: target } of blobs) insertReference.run(repository, digest, target);
      for (const target of others) insertReference.run(repository, digest, target);
    },
    tag(repository, tag, digest) {
      db.run("INSERT OR REPLACE INTO registry_tags VALUES (?, ?, ?, ?)", [repository, tag, digest, now()]);
    },
    delete: (repository, digest) =>
      changes("DELETE FROM registry_manifests WHERE repository = ? AND digest = ?", repository, digest) > 0,
    untag: (repository, tag) =>
      changes("DELETE FROM registry_tags WHERE repository = ? AND name = ?", repository, tag) > 0,
    tags: (repository, { n = -1, last = "" }) => tags.all(repository, last, n).map((row) => row.name),
    tagsOf: (repository, digest) => tagsOf.all(repository, digest).map((row) => row.name),
    pulled: createPulls(db, clock),
    referrers: (repository, subject) => referrers.all(repository, subject).map(toDescriptor),
  };
}

/** Writes down when a manifest was pulled. */
function createPulls(db: State["db"], clock: Clock): ManifestTable["pulled"] {
  const statement = db.query<unknown, [number, string, string]>(
    `UPDATE registry_manifests SET pulled_at = ?
     WHERE repository = (SELECT id FROM registry_repositories WHERE name = ?) AND digest = ?`,
  );
  const written = new Map<string, number>();
  return (repository, digest) => {
    const now = clock.now().getTime();
    const key = `${repository}@${digest}`;
    if (now - (written.get(key) ?? 0) < pulledEveryMs) return;
    if (written.size > mostWritten) written.clear();
    written.set(key, now);
    statement.run(now, repository, digest);
  };
}

function stored(row: Row | null): StoredManifest | undefined {
  return row ? { digest: row.digest, mediaType: row.media_type, size: row.size } : undefined;
}

function toDescriptor(row: ReferrerRow): Descriptor {
  return {
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
    ...(row.annotations === null
      ? {}
      : { annotations: JSON.parse(row.annotations) as Record<string, string> }),
  };
}
