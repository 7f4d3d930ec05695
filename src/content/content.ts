/**
 * Blobs by digest, shared by images, builds and the registry.
 *
 * The life of a blob: `writer()` opens a temporary file → `write` adds bytes and hashes them → `commit` compares the
 * digest, flushes to disk and renames the file to its place → `remove`. A crash leaves either no blob or a whole one;
 * `open` sweeps what a crash left in the temporary folder. A blob with the digest already stored is not stored twice.
 * A blob that is downloaded comes by `resume` instead, so that what a cut connection or a crash left is gone on with.
 */

/** `algorithm:hex`, as in the OCI image specification (descriptor.md, "Digests"); sha256 or sha512. */
export type Digest = `${"sha256" | "sha512"}:${string}`;

/** An OCI content descriptor (descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly artifactType?: string;
  readonly data?: string;
  readonly urls?: readonly string[];
}

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly "os.version"?: string;
}

export interface BlobInfo {
  readonly digest: Digest;
  readonly size: number;
}

export interface BlobWriter {
  readonly size: number;
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Makes the blob visible. Throws `data-loss` / `content.digest-mismatch` when it is not what `expected` says, and
   * `exhausted` / `content.disk-full`; the temporary file is gone after either.
   */
  commit(expected?: { readonly digest?: Digest; readonly size?: number }): Promise<BlobInfo>;
  /** Drops what was written; does nothing after `commit`. */
  abort(): Promise<void>;
}

/**
 * A blob on its way in from far, which may be cut off: what is there of it stays over `keep`, and over the end of the
 * daemon, until it is gone on with, or `removePartial`.
 */
export interface PartialBlob {
  /** The file, for a reader that keeps up with the writer: its first `written` bytes. After `commit` it is at `target`. */
  readonly path: string;
  readonly target: string;
  readonly size: number;
  readonly written: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Puts all that was written into the file, for its reader. */
  flush(): Promise<void>;
  /** Begins anew. */
  truncate(): Promise<void>;
  /** As `BlobWriter.commit`. */
  commit(expected: { readonly digest: Digest; readonly size: number }): Promise<BlobInfo>;
  /** Closes it; the next `resume` goes on. Does nothing after `commit` and `abort`. */
  keep(): Promise<void>;
  /** Drops what is there; does nothing after `commit`. */
  abort(): Promise<void>;
}

export type Purpose = "pull" | "cache";

export interface ContentStore {
  writer(algorithm?: "sha256" | "sha512"): Promise<BlobWriter>;
  /** Writes a whole stream; `expected` as in `BlobWriter.commit`. */
  put(
    source: Uint8Array | string | AsyncIterable<Uint8Array>,
    expected?: { readonly digest?: Digest; readonly size?: number },
    signal?: AbortSignal,
  ): Promise<BlobInfo>;
  /**
   * Stores a blob that another process writes and hashes, without passing the bytes through this one: `write` makes
   * the file at the path it gets and returns its digest and size, which are trusted.
   */
  adopt(write: (path: string) => Promise<BlobInfo>): Promise<BlobInfo>;
  has(digest: Digest): boolean;
  /** Throws `not-found` / `content.not-found`. */
  stat(digest: Digest): BlobInfo;
  /** The path of the blob's file, to read only. Throws `not-found`. */
  path(digest: Digest): string;
  /** The bytes from `start` (inclusive) to `end` (exclusive). Throws `not-found`. */
  open(
    digest: Digest,
    range?: { readonly start?: number; readonly end?: number },
  ): ReadableStream<Uint8Array>;
  /** Reads a small blob, checks its digest and parses it. Throws `not-found`, `data-loss`, `invalid`. */
  readJson(digest: Digest): Promise<unknown>;
  /** The blob is out of sight when this returns, and its space is free when the promise resolves. */
  remove(digest: Digest): Promise<void>;
  list(): BlobInfo[];
  /**
   * The part of a blob that is here, empty at first. One at a time has it: throws `conflict` / `content.partial-open`. The
   * blob's own digest is its name, so parts of different sources fit together or fail at `commit`. `purpose` keeps apart
   * who would otherwise stand in each other's way: pulls (the default) and the registry's caches.
   */
  resume(digest: Digest, purpose?: Purpose): Promise<PartialBlob>;
  /** What there is of blobs that are not complete. */
  partials(purpose?: Purpose): (BlobInfo & { readonly changedAt: Date })[];
  /** Does nothing while the part is open. */
  removePartial(digest: Digest, purpose?: Purpose): Promise<void>;
  /**
   * Takes a damaged blob out of sight, at once, and keeps its file for whoever wants to look at it; false when the blob's
   * file is not the one with the number `inode` any more.
   */
  setAside(digest: Digest, inode: number): boolean;
  /** The blobs that were set aside. */
  damaged(): BlobInfo[];
  /** Removes the file of one that was set aside. */
  forgetDamaged(digest: Digest): void;
}
