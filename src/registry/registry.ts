import type { Attempts } from "./attempts.ts";
import type { BlobInfo, Descriptor, Digest } from "../content/index.ts";
import type { Caches } from "./cache/cache.ts";
import type { StoredManifest } from "./manifest.ts";
import type { Reference } from "./names.ts";
import type { Overview } from "./overview.ts";
import type { Protections } from "./protections.ts";
import type { Quotas } from "./quotas.ts";
import type { Retention } from "./retention.ts";
import type { Tokens } from "./tokens.ts";
import type { Users } from "./users.ts";
import type { Webhooks } from "./webhooks.ts";

/**
 * A registry of images and other artifacts, as the OCI Distribution Specification tells it, on the content store that
 * the engine uses too: a blob that both have is there once.
 *
 * The life of a pushed image: blobs come in by *uploads* (or are *mounted* from another repository) and are then
 * *linked* to the repository → a *manifest* that refers to them is put, by a tag or its digest → tags move to other
 * manifests, manifests are deleted → the garbage collection drops links that no manifest refers to, and the content
 * store's own collection drops blobs that have no link and that the engine does not need either.
 *
 * What is acknowledged is on disk: a blob, its link, a manifest, a tag. Every method throws `invalid` for names and
 * digests that are malformed, and `not-found` / `registry.*-unknown`.
 */
export interface Registry {
  readonly manifests: Manifests;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly caches: Caches;
  readonly quotas: Quotas;
  readonly retention: Retention;
  readonly protections: Protections;
  readonly overview: Overview;
  readonly webhooks: Webhooks;
  readonly users: Users;
  readonly tokens: Tokens;
  readonly attempts: Attempts;
  /** What there is, for metrics. */
  totals(): RegistryTotals;
  /**
   * Applies the rules of retention, then drops what nobody needs. Blobs that may belong to a push under way stay; see
   * `garbage.ts`.
   */
  collectGarbage(): Promise<Collected>;
  /** The repositories that have a blob or manifest. */
  holders(digest: Digest): string[];
  /** Names of repositories after `last`, in the order of their bytes, `n` at most. */
  repositories(page?: Page): string[];
  /** Whether the content store may not drop the blob. */
  needs(digest: Digest): boolean;
  /** Begins to collect garbage and to send webhooks, from time to time, until `close`. */
  start(): void;
  close(): Promise<void>;
}

export interface RegistryTotals {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  readonly blobs: number;
  /** Bytes of all blobs and manifests, each counted once. */
  readonly bytes: number;
  readonly uploads: number;
  /** Messages of webhooks that wait for their next attempt. */
  readonly deliveries: number;
}

export interface Page {
  readonly n?: number;
  readonly last?: string;
}

export interface PushedManifest extends StoredManifest {
  /** The tags that now name it. */
  readonly tags: readonly string[];
  readonly subject?: Digest;
}

/** What must hold of a tag for a push to go through; `absent`: it names nothing yet. */
export type Condition =
  | { readonly is: readonly Digest[] }
  | { readonly not: readonly Digest[] }
  | "absent"
  | "present";

export interface Manifests {
  /** Throws `not-found` / `registry.manifest-unknown`. */
  find(repository: string, reference: Reference): StoredManifest;
  /** The exact bytes that were pushed, checked against their digest. Throws `data-loss`. */
  read(manifest: StoredManifest): Promise<Uint8Array>;
  /**
   * Stores a manifest after checking it: its form, its size, and that what it refers to is in the repository; an index
   * may be sparse. Throws `invalid` / `registry.manifest-invalid`, `registry.manifest-too-large`,
   * `registry.manifest-blob-unknown`, `precondition` / `registry.condition-failed`, `permission` / `registry.tag-protected`.
   */
  put(repository: string, push: ManifestPush): Promise<PushedManifest>;
  /** Somebody got the manifest, of which the rules of retention may want to know. */
  pulled(repository: string, digest: Digest): void;
  /** By tag only the tag goes; by digest the manifest with all its tags. Throws `permission` / `registry.tag-protected`. */
  delete(repository: string, reference: Reference, actor?: string): Promise<void>;
  /** In the order of their bytes. Throws `not-found` / `registry.name-unknown`. */
  tags(repository: string, page?: Page): string[];
  /** Descriptors of the manifests whose subject is `subject`, oldest first, those after `last`. */
  referrers(
    repository: string,
    subject: Digest,
    filter?: { readonly artifactType?: string; readonly last?: Digest },
  ): Iterable<Descriptor>;
}

export interface ManifestPush {
  readonly reference: Reference;
  /** More tags, for a push by digest. */
  readonly tags?: readonly string[];
  readonly mediaType?: string | undefined;
  readonly bytes: Uint8Array;
  readonly condition?: Condition | undefined;
  /** Who pushes, for those who are told of it. */
  readonly actor?: string | undefined;
  /** It comes from the registry that is cached: what it refers to need not be here, no quota counts, nobody is told. */
  readonly cached?: boolean;
}

/** What a collection took away. */
export interface Collected {
  /** Links of repositories to blobs that no manifest of theirs refers to. */
  readonly links: number;
  readonly uploads: number;
  /** Bytes that are free on the disk now. */
  readonly freed: number;
}

export interface Blobs {
  /** Throws `not-found` / `registry.blob-unknown`, `data-loss` when the stored file has another size. */
  find(repository: string, digest: Digest): BlobInfo;
  /** As `find`, for a client that will not send the blob because it is there: it stays for a while. */
  promise(repository: string, digest: Digest): BlobInfo;
  /** The file with the bytes, to read only. */
  path(blob: BlobInfo): string;
  /**
   * Links a blob that another repository has, without moving a byte: `from`, or any of those that `mayRead` lets pass.
   * Undefined when none of these has it.
   */
  mount(
    repository: string,
    digest: Digest,
    from: string | undefined,
    mayRead: (repository: string) => boolean,
  ): Promise<BlobInfo | undefined>;
  delete(repository: string, digest: Digest): Promise<void>;
}

/** An upload that has begun. `offset`: so many bytes are here. */
export interface Upload {
  readonly id: string;
  readonly repository: string;
  readonly offset: number;
}

/**
 * The life of an upload: `begin` → any number of `append` → `commit`, which compares the digest, or `cancel`. It
 * outlives a restart of the daemon; one that nothing was added to for a day is dropped.
 */
export interface Uploads {
  begin(repository: string, algorithm?: string): Promise<Upload>;
  /** Throws `not-found` / `registry.upload-unknown`. */
  find(repository: string, id: string): Upload;
  /**
   * Adds bytes. A stream that breaks off leaves what came; `start` other than the offset is `invalid` /
   * `registry.upload-range`, more or fewer bytes than `length` `registry.size-invalid`, a full disk `exhausted` (and the
   * upload is dropped).
   */
  append(repository: string, id: string, chunk: Chunk): Promise<Upload>;
  /** Adds what `chunk` holds, makes the blob of all and links it. A wrong digest drops the upload. */
  commit(repository: string, id: string, digest: Digest, chunk?: Chunk): Promise<BlobInfo>;
  cancel(repository: string, id: string): Promise<void>;
}

export interface Chunk {
  readonly source: AsyncIterable<Uint8Array>;
  readonly start?: number | undefined;
  readonly length?: number | undefined;
}
