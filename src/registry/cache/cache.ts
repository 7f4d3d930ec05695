import type { BlobInfo, Descriptor, Digest } from "../../content/index.ts";
import type { Credentials } from "../../distribution/index.ts";
import type { Reference } from "../names.ts";

/** How a request to a cache was answered: with what was here, with what was fetched, or, for want of an answer, with what may be old. */
export type Outcome = "hit" | "miss" | "stale" | "failed";

/** What a cache holds and has done since the daemon's start. */
export interface CacheTotals {
  readonly upstream: string;
  readonly prefix: string;
  readonly repositories: number;
  /** Bytes of blobs and manifests, each counted once. */
  readonly bytes: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly fetchedBytes: number;
  /** Why the upstream could not be asked the last time, while that is so. */
  readonly failure?: string;
}

/** A registry whose images are kept here, below a prefix: `cache/docker.io/library/debian`. */
export interface Upstream {
  /** `docker.io`, `registry.example:5000` */
  readonly domain: string;
  /** `cache/docker.io` */
  readonly prefix: string;
  readonly credentials?: Credentials | undefined;
  /** So long a tag is served without asking the upstream whether it has moved. */
  readonly freshMs: number;
}

export interface CacheSettings {
  readonly upstreams: readonly Upstream[];
  /** Bytes that all caches together keep; what was not asked for the longest goes first. */
  readonly bytes: number;
}

/**
 * Pull-through caches of other registries. What a client asks for is fetched from the upstream unless it is here, by one
 * transfer for however many clients, sent on while it comes, and checked: no client gets the last byte of a blob before
 * its digest is right. A manifest by its digest never changes; what a tag names is asked of the upstream again after a
 * while, and when that does not answer what is here is served.
 *
 * Throws `not-found` / `registry.manifest-unknown` or `registry.blob-unknown` for what the upstream has not, or not for
 * us, and `unavailable` / `registry.upstream-failed`.
 */
export interface Caches {
  /** The upstream that a repository's name belongs to. */
  of(repository: string): Upstream | undefined;
  /** The name in full of what a client calls `name` in `domain`: `docker.io`, `debian`. Undefined when it is not cached. */
  nameIn(domain: string, name: string): string | undefined;
  /** Sees to it that a manifest is here; the registry serves it then. */
  manifest(repository: string, reference: Reference, signal: AbortSignal): Promise<void>;
  /** A blob that is here, or one on its way. `head`: only its size is wanted. */
  blob(
    repository: string,
    digest: Digest,
    options: { readonly head: boolean; readonly signal: AbortSignal },
  ): Promise<BlobInfo | IncomingBlob>;
  /** In the order of their bytes. */
  tags(repository: string, signal: AbortSignal): Promise<string[]>;
  referrers(
    repository: string,
    subject: Digest,
    artifactType: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[]>;
  /** Takes what was not asked for the longest until the rest is small enough; the bytes that are free now. */
  evict(): Promise<number>;
  totals(): readonly CacheTotals[];
  close(): Promise<void>;
}

/** A blob that is being fetched. One of its two methods has to be called, once. */
export interface IncomingBlob extends BlobInfo {
  /** Its bytes as they come; breaks off when they turn out wrong. */
  stream(): ReadableStream<Uint8Array>;
  /** Resolves when all of it is here and right. */
  whole(): Promise<BlobInfo>;
}
