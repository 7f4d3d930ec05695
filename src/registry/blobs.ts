import type { Clock } from "../base/index.ts";
import type { BlobInfo, ContentStore, Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { RegistryError, refuse } from "./errors.ts";
import type { Leases } from "./leases.ts";
import { checkDigest, checkName } from "./names.ts";
import type { Blobs } from "./registry.ts";
import type { Repositories } from "./repositories.ts";

export interface BlobsDependencies {
  readonly state: State;
  readonly content: ContentStore;
  readonly clock: Clock;
  readonly leases: Leases;
  readonly repositories: Repositories;
}

/** The table of links; what uploads and the collection of garbage need beyond `Blobs`. */
export interface Links extends Blobs {
  /** Synchronous; the blob must be stored and leased, or needed by something else. */
  link(repository: string, blob: BlobInfo): void;
  sizeOf(repository: number, digest: Digest): number | undefined;
  needs(digest: Digest): boolean;
}

/** So exactly is known when somebody last relied on a link. */
const touchEveryMs = 60_000;

export function createBlobs({ state, content, clock, leases, repositories }: BlobsDependencies): Links {
  const { db } = state;
  const linked = db.query<{ size: number }, [number, string]>(
    "SELECT size FROM registry_links WHERE repository = ? AND digest = ?",
  );
  const insert = db.query<unknown, [number, string, number, number]>(
    `INSERT INTO registry_links VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET touched_at = excluded.touched_at`,
  );
  const touch = db.query<unknown, [number, number, string, number]>(
    "UPDATE registry_links SET touched_at = ? WHERE repository = ? AND digest = ? AND touched_at < ?",
  );
  const unlink = db.query<unknown, [number, string]>(
    "DELETE FROM registry_links WHERE repository = ? AND digest = ?",
  );
  const anywhere = db.query<{ repository: string; size: number }, [string]>(
    `SELECT name AS repository, size FROM registry_links
     JOIN registry_repositories ON id = repository WHERE digest = ?`,
  );
  const referring = db.query<{ manifest: Digest }, [number, string]>(
    "SELECT manifest FROM registry_references WHERE repository = ? AND target = ? LIMIT 1",
  );
  const needed = db.query<{ one: number }, [string, string]>(
    `SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM registry_links WHERE digest = ?)
     OR EXISTS (SELECT 1 FROM registry_manifests WHERE digest = ?)`,
  );
  const now = () => clock.now().getTime();

  const find = (repository: string, text: string): { readonly id: number; readonly blob: BlobInfo } => {
    const digest = checkDigest(text);
    const id = repositories.idOf(checkName(repository));
    const size = id === undefined ? undefined : linked.get(id, digest)?.size;
    if (id === undefined || size === undefined) throw unknown(repository, digest);
    return { id, blob: whole(content, { digest, size }) };
  };
  const link = (repository: string, { digest, size }: BlobInfo) => {
    const id = repositories.ensure(repository);
    insert.run(id, digest, size, now());
    repositories.touch(id);
  };

  return {
    link,
    sizeOf: (repository, digest) => linked.get(repository, digest)?.size,
    needs: (digest) => leases.has(digest) || needed.get(digest, digest) !== null,
    find: (repository, digest) => find(repository, digest).blob,
    promise(repository, digest) {
      const { id, blob } = repaired(() => find(repository, digest));
      touch.run(now(), id, digest, now() - touchEveryMs);
      repositories.touch(id);
      return blob;
    },
    path: ({ digest }) => content.path(digest),
    async mount(repository, text, from, mayRead) {
      checkName(repository);
      const digest = checkDigest(text);
      using _lease = leases.take(digest);
      const holders = anywhere.all(digest).filter((one) => mayRead(one.repository));
      const holder = holders.find((one) => one.repository === from) ?? holders[0];
      if (!holder || !content.has(digest) || content.stat(digest).size !== holder.size) return undefined;
      const blob = { digest, size: holder.size };
      link(repository, blob);
      await state.flushed();
      return blob;
    },
    async delete(repository, text) {
      const { id, blob } = repaired(() => find(repository, text));
      const user = referring.get(id, blob.digest)?.manifest;
      if (user !== undefined) throw inUse(blob.digest, user);
      unlink.run(id, blob.digest);
      await state.flushed();
    },
  };
}

/** A file that has lost or won bytes is not what its digest says: better no answer than a wrong one. */
function whole(content: ContentStore, blob: BlobInfo): BlobInfo {
  const stored = content.has(blob.digest) ? content.stat(blob.digest).size : undefined;
  if (stored === blob.size) return blob;
  const state = stored === undefined ? "is gone" : `has ${stored} bytes instead of ${blob.size}`;
  throw refuse("data-loss", "registry.blob-damaged", `the stored file of ${blob.digest} ${state}`, {
    detail: { digest: blob.digest },
    hint: "push the image again",
  });
}

/** A damaged blob is as good as none to whoever would push it: so they do, and it is whole again. */
function repaired<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof RegistryError) || error.kind !== "data-loss") throw error;
    throw refuse("not-found", "registry.blob-unknown", error.message, { detail: error.detail, cause: error });
  }
}

function inUse(digest: Digest, manifest: Digest): Error {
  return refuse(
    "unimplemented",
    "registry.blob-in-use",
    `the manifest ${manifest} refers to the blob ${digest}`,
    {
      detail: { digest, manifest },
      hint: "delete the manifest; its blobs go with the next collection of garbage",
    },
  );
}

function unknown(repository: string, digest: Digest): Error {
  return refuse("not-found", "registry.blob-unknown", `'${repository}' has no blob ${digest}`, {
    detail: { name: repository, digest },
  });
}
