import type { Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { refuse } from "./errors.ts";

/** What there is, for who runs the registry. */
export interface Overview {
  repositories(): readonly RepositorySummary[];
  /** The manifests of a repository, the last one pushed first. Throws `not-found` / `registry.name-unknown`. */
  manifests(repository: string): readonly ManifestSummary[];
}

/** Times are milliseconds since 1970. */
export interface RepositorySummary {
  readonly name: string;
  readonly tags: number;
  readonly manifests: number;
  /** Of its blobs and manifests, each counted once; other repositories may have them, too. */
  readonly bytes: number;
  readonly pushedAt?: number;
  readonly pulledAt?: number;
}

export interface ManifestSummary {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly subject?: Digest;
  readonly tags: readonly string[];
  /** With all that it refers to and is here. */
  readonly bytes: number;
  readonly pushedAt: number;
  readonly pulledAt?: number;
}

interface RepositoryRow {
  name: string;
  tags: number;
  manifests: number;
  bytes: number;
  pushedAt: number | null;
  pulledAt: number | null;
}

interface ManifestRow {
  digest: Digest;
  mediaType: string;
  artifactType: string | null;
  subject: Digest | null;
  tags: string | null;
  bytes: number;
  pushedAt: number;
  pulledAt: number | null;
}

export function createOverview({ db }: State): Overview {
  return {
    repositories: () =>
      db
        .query<RepositoryRow, []>(
          `SELECT name,
             (SELECT count(*) FROM registry_tags WHERE repository = id) AS tags,
             (SELECT count(*) FROM registry_manifests WHERE repository = id) AS manifests,
             (SELECT coalesce(sum(size), 0) FROM (
                SELECT digest, size FROM registry_links WHERE repository = id
                UNION SELECT digest, size FROM registry_manifests WHERE repository = id)) AS bytes,
             (SELECT max(pushed_at) FROM registry_manifests WHERE repository = id) AS pushedAt,
             (SELECT max(pulled_at) FROM registry_manifests WHERE repository = id) AS pulledAt
           FROM registry_repositories ORDER BY name`,
        )
        .all()
        .map(known),
    manifests(repository) {
      const row = db
        .query<{ id: number }, [string]>("SELECT id FROM registry_repositories WHERE name = ?")
        .get(repository);
      if (!row) {
        throw refuse("not-found", "registry.name-unknown", `there is no repository '${repository}'`, {
          detail: { name: repository },
          hint: "virga registry ls",
        });
      }
      return db
        .query<ManifestRow, [number, number, number, number, number]>(manifestsOf)
        .all(row.id, row.id, row.id, row.id, row.id)
        .map(({ tags, ...one }) => ({ ...known(one), tags: tags === null ? [] : tags.split(" ") }));
    },
  };
}

/** A subject is what a manifest is about, and no part of it. */
const manifestsOf = `
  SELECT digest, media_type AS mediaType, artifact_type AS artifactType, subject,
    pushed_at AS pushedAt, pulled_at AS pulledAt,
    (SELECT group_concat(name, ' ') FROM (
       SELECT name FROM registry_tags WHERE repository = ? AND digest = m.digest ORDER BY name)) AS tags,
    (WITH RECURSIVE parts (part) AS (
       SELECT m.digest
       UNION SELECT target FROM registry_references AS r
         JOIN parts ON r.manifest = part
         JOIN registry_manifests AS of ON of.repository = r.repository AND of.digest = r.manifest
         WHERE r.repository = ? AND target IS NOT of.subject)
     SELECT coalesce(sum(size), 0) FROM (
       SELECT digest, size FROM registry_links WHERE repository = ? AND digest IN parts
       UNION SELECT digest, size FROM registry_manifests WHERE repository = ? AND digest IN parts)) AS bytes
  FROM registry_manifests AS m WHERE repository = ? ORDER BY pushed_at DESC, digest`;

type Known<T> = { [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]>;
};

/** Without what is not known. */
function known<T extends object>(row: T): Known<T> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Known<T>;
}
