import type { Clock } from "../base/index.ts";
import type { BlobInfo, Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";

/** The table of links: which blobs a repository has. Everything is synchronous. */
export interface LinkTable {
  sizeOf(repository: number, digest: Digest): number | undefined;
  /** The blob must be stored and leased, or needed by something else. */
  insert(repository: number, blob: BlobInfo): void;
  delete(repository: number, digest: Digest): void;
  /** Somebody relies on the link. */
  touch(repository: number, digest: Digest): void;
  /** Every repository that has the blob. */
  holders(digest: Digest): { readonly repository: string; readonly size: number }[];
  /** Every repository that has it, as a blob or as a manifest. */
  everyHolder(digest: Digest): string[];
  /** A manifest of the repository that refers to the blob. */
  userOf(repository: number, digest: Digest): Digest | undefined;
  /** Whether a repository has it, as a blob or as a manifest. */
  isNeeded(digest: Digest): boolean;
}

/** So exactly is known when somebody last relied on a link. */
const touchEveryMs = 60_000;

export function createLinkTable({ db }: State, clock: Clock): LinkTable {
  const one = db.query<{ size: number }, [number, string]>(
    "SELECT size FROM registry_links WHERE repository = ? AND digest = ?",
  );
  const touch = db.query<unknown, [number, number, string, number]>(
    "UPDATE registry_links SET touched_at = ? WHERE repository = ? AND digest = ? AND touched_at < ?",
  );
  const holders = db.query<{ repository: string; size: number }, [string]>(
    `SELECT name AS repository, size FROM registry_links
     JOIN registry_repositories ON id = repository WHERE digest = ?`,
  );
  const everyHolder = db.query<{ name: string }, [string, string]>(
    `SELECT name FROM registry_repositories WHERE id IN (
       SELECT repository FROM registry_links WHERE digest = ?
       UNION SELECT repository FROM registry_manifests WHERE digest = ?) ORDER BY name`,
  );
  const user = db.query<{ manifest: Digest }, [number, string]>(
    "SELECT manifest FROM registry_references WHERE repository = ? AND target = ? LIMIT 1",
  );
  const needed = db.query<{ one: number }, [string, string]>(
    `SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM registry_links WHERE digest = ?)
     OR EXISTS (SELECT 1 FROM registry_manifests WHERE digest = ?)`,
  );
  const now = () => clock.now().getTime();
  return {
    sizeOf: (repository, digest) => one.get(repository, digest)?.size,
    insert(repository, { digest, size }) {
      db.run(
        `INSERT INTO registry_links VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET touched_at = excluded.touched_at`,
        [repository, digest, size, now()],
      );
    },
    delete(repository, digest) {
      db.run("DELETE FROM registry_links WHERE repository = ? AND digest = ?", [repository, digest]);
    },
    touch: (repository, digest) => void touch.run(now(), repository, digest, now() - touchEveryMs),
    holders: (digest) => holders.all(digest),
    everyHolder: (digest) => everyHolder.all(digest, digest).map((row) => row.name),
    userOf: (repository, digest) => user.get(repository, digest)?.manifest,
    isNeeded: (digest) => needed.get(digest, digest) !== null,
  };
}
