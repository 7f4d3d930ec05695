import type { Migration } from "../state/index.ts";

/**
 * `registry_links`: the blobs that a repository has. `touched_at` is when somebody last relied on the link: put it there,
 * or was told that the blob need not be sent.
 * `registry_references`: what a manifest refers to, blobs and manifests, there or (sparse index, subject) not.
 */
export const registryMigrations: readonly Migration[] = [
  {
    id: "registry/001",
    sql: `
      CREATE TABLE registry_repositories (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL,
        active_at INTEGER NOT NULL) STRICT;
      CREATE TABLE registry_manifests (
        repository INTEGER NOT NULL REFERENCES registry_repositories (id) ON DELETE CASCADE,
        digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, pushed_at INTEGER NOT NULL,
        subject TEXT, artifact_type TEXT, annotations TEXT,
        PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_manifests_by_digest ON registry_manifests (digest);
      CREATE INDEX registry_manifests_by_subject ON registry_manifests (repository, subject)
        WHERE subject IS NOT NULL;
      CREATE TABLE registry_references (
        repository INTEGER NOT NULL, manifest TEXT NOT NULL, target TEXT NOT NULL,
        PRIMARY KEY (repository, target, manifest),
        FOREIGN KEY (repository, manifest) REFERENCES registry_manifests ON DELETE CASCADE) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_references_by_manifest ON registry_references (repository, manifest);
      CREATE TABLE registry_tags (
        repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, updated_at INTEGER NOT NULL,
        PRIMARY KEY (repository, name),
        FOREIGN KEY (repository, digest) REFERENCES registry_manifests ON DELETE CASCADE) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_tags_by_digest ON registry_tags (repository, digest);
      CREATE TABLE registry_links (
        repository INTEGER NOT NULL REFERENCES registry_repositories (id) ON DELETE CASCADE,
        digest TEXT NOT NULL, size INTEGER NOT NULL, touched_at INTEGER NOT NULL,
        PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;
      CREATE INDEX registry_links_by_digest ON registry_links (digest);
      CREATE TABLE registry_uploads (
        id TEXT PRIMARY KEY, repository TEXT NOT NULL, algorithm TEXT NOT NULL,
        touched_at INTEGER NOT NULL) STRICT;`,
  },
  {
    id: "registry/002",
    sql: `
      CREATE TABLE registry_quotas (repositories TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
      CREATE TABLE registry_retention (
        id INTEGER PRIMARY KEY, repositories TEXT NOT NULL, tags TEXT NOT NULL, keep_tags INTEGER,
        untagged_ms INTEGER) STRICT;
      CREATE TABLE registry_webhooks (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL, repositories TEXT NOT NULL, secret TEXT) STRICT;
      CREATE TABLE registry_deliveries (
        id TEXT PRIMARY KEY, webhook INTEGER NOT NULL REFERENCES registry_webhooks (id) ON DELETE CASCADE,
        body TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL) STRICT;
      CREATE INDEX registry_deliveries_by_time ON registry_deliveries (next_at);
      CREATE TABLE registry_users (
        name TEXT PRIMARY KEY, password TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
      CREATE TABLE registry_grants (
        user TEXT NOT NULL, repositories TEXT NOT NULL, actions TEXT NOT NULL,
        PRIMARY KEY (user, repositories)) STRICT;`,
  },
  {
    id: "registry/003",
    sql: `
      ALTER TABLE registry_manifests ADD COLUMN pulled_at INTEGER;
      ALTER TABLE registry_retention ADD COLUMN unused_ms INTEGER;
      CREATE TABLE registry_protections (
        repositories TEXT NOT NULL, tags TEXT NOT NULL, PRIMARY KEY (repositories, tags)) STRICT;`,
  },
];
