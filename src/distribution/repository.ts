import type { BlobInfo, Descriptor, Digest, PartialBlob } from "../content/index.ts";
import type { Credentials } from "./credentials.ts";
import type { RequestBody } from "./transport.ts";

/** A repository by its domain and path: `docker.io` and `library/debian`. */
export interface RepositoryName {
  readonly domain: string;
  readonly path: string;
}

export interface RemoteManifest {
  /** Size and digest are those of `bytes`; the media type is the registry's word, checked against the document's. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * A repository of a registry, over one connection: an address (the registry's own or a mirror's) with what authentication
 * it wants. Names in errors are those of the repository asked for. All methods throw `not-found` /
 * `registry.not-found`, `permission` / `registry.unauthorized` or `registry.denied`, and `unavailable` when it stays
 * without an answer; what may go away by itself was repeated before.
 */
export interface RemoteRepository {
  readonly name: RepositoryName;
  /** `registry-1.docker.io`; a mirror's host for a mirror. */
  readonly host: string;
  readonly isMirror: boolean;
  /** The manifest or index that a tag or a digest names, checked. Throws `data-loss` when it is not what its digest says. */
  manifest(reference: string, signal: AbortSignal): Promise<RemoteManifest>;
  /** What a tag names, without its content; undefined when there is none. */
  headManifest(reference: string, signal: AbortSignal): Promise<Descriptor | undefined>;
  tags(signal: AbortSignal): Promise<string[]>;
  /** Size and digest of a blob, without its content; undefined when there is none. */
  statBlob(digest: Digest, signal: AbortSignal): Promise<BlobInfo | undefined>;
  hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** All of a small blob, checked. */
  smallBlob(blob: BlobInfo, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Reads a blob into `target`, from where an earlier attempt stopped, and goes on after lost connections. Ends when all
   * bytes are there; their digest is for `target.commit`. Throws `data-loss` / `registry.size-mismatch` when there are more
   * or, again and again, fewer than the blob's size.
   */
  downloadBlob(
    blob: BlobInfo,
    target: PartialBlob,
    received: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes a blob of another repository of the same registry ours; undefined when the registry would rather have it sent. */
  mountBlob(digest: Digest, from: string, signal: AbortSignal): Promise<boolean>;
  /** Sends a blob; goes on where the registry says after a lost connection. `sent` hears how many bytes went out. */
  pushBlob(blob: BlobSource, sent: (bytes: number) => void, signal: AbortSignal): Promise<void>;
  pushManifest(reference: string, mediaType: string, bytes: Uint8Array, signal: AbortSignal): Promise<Digest>;
  /** What refers to a manifest, of one type or of all; none when the registry knows nothing of it. */
  referrers(subject: Digest, artifactType: string | undefined, signal: AbortSignal): Promise<Descriptor[]>;
  /** Stores a manifest that refers to `subject`, and lists it where the registry does not do so by itself. */
  pushReferrer(subject: Digest, referrer: Descriptor, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
}

export interface BlobSource extends BlobInfo {
  /** The bytes from `start` (inclusive) to `end` (exclusive). */
  open(start: number, end: number): RequestBody["content"];
}

/** The registries of the world, as the daemon's settings let it reach them. */
export interface Registries {
  /**
   * The addresses to pull a repository from: mirrors first, then the registry. Each is tried by `work` until one gives a
   * result; the last failure is thrown. A mirror's failures only lead to the next address.
   */
  pulling<T>(
    name: RepositoryName,
    options: AccessOptions,
    work: (remote: RemoteRepository) => Promise<T>,
  ): Promise<T>;
  /** The registry itself, to push to or to ask. */
  open(name: RepositoryName, options: AccessOptions & { readonly push?: boolean }): Promise<RemoteRepository>;
  /**
   * Proves credentials at a registry. Returns a refresh token where the registry gives one instead of keeping the
   * password. Throws `permission` / `registry.unauthorized`.
   */
  logIn(
    domain: string,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<{ readonly identityToken?: string }>;
}

export interface AccessOptions {
  readonly credentials?: Credentials | undefined;
  readonly signal: AbortSignal;
}
