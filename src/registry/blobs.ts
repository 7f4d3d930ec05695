import type { BlobInfo, ContentStore, Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { RegistryError, refuse } from "./errors.ts";
import type { Leases } from "./leases.ts";
import type { LinkTable } from "./link-table.ts";
import { checkDigest, checkName } from "./names.ts";
import type { Blobs } from "./registry.ts";
import type { Quotas } from "./quotas.ts";
import type { Repositories } from "./repositories.ts";

export interface BlobsDependencies {
  readonly state: State;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly repositories: Repositories;
  readonly links: LinkTable;
  readonly quotas: Quotas;
  /** Frees those of the blobs that nobody needs any more. */
  readonly release: (blobs: readonly Digest[]) => Promise<unknown>;
}

export function createBlobs(dependencies: BlobsDependencies): Blobs {
  const { state, content, leases, repositories, links, quotas, release } = dependencies;
  const find = (repository: string, text: string): { readonly id: number; readonly blob: BlobInfo } => {
    const digest = checkDigest(text);
    const id = repositories.idOf(checkName(repository));
    const size = id === undefined ? undefined : links.sizeOf(id, digest);
    if (id === undefined || size === undefined) throw unknown(repository, digest);
    return { id, blob: whole(content, { digest, size }) };
  };

  return {
    find: (repository, digest) => find(repository, digest).blob,
    promise(repository, digest) {
      const { id, blob } = repaired(() => find(repository, digest));
      links.touch(id, blob.digest);
      repositories.touch(id);
      return blob;
    },
    path: ({ digest }) => content.path(digest),
    async mount(repository, text, from, mayRead) {
      checkName(repository);
      const digest = checkDigest(text);
      using _lease = leases.take(digest);
      const holders = links.holders(digest).filter((one) => mayRead(one.repository));
      const holder = holders.find((one) => one.repository === from) ?? holders[0];
      if (!holder || !content.has(digest) || content.stat(digest).size !== holder.size) return undefined;
      const blob = { digest, size: holder.size };
      state.transaction(() => {
        linkBlob(repositories, links, repository, blob);
        quotas.check(repository, 0);
      });
      await state.flushed();
      return blob;
    },
    async delete(repository, text) {
      const { id, blob } = repaired(() => find(repository, text));
      const user = links.userOf(id, blob.digest);
      if (user !== undefined) throw inUse(blob.digest, user);
      links.delete(id, blob.digest);
      await state.flushed();
      await release([blob.digest]);
    },
  };
}

/** Gives a repository a blob, and makes the repository when this is its first. */
export function linkBlob(
  repositories: Repositories,
  links: LinkTable,
  repository: string,
  blob: BlobInfo,
): void {
  const id = repositories.ensure(repository);
  links.insert(id, blob);
  repositories.touch(id);
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
