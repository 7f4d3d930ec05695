import type { Report } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";

/**
 * Filesystem layers, unpacked, ready to be stacked by overlayfs.
 *
 * The life of a layer: `unpack` (from a blob: pull, load, import) or `commit` (from the upper directory of a
 * container or a build step) → used as a lower directory by any number of mounts → `remove` when no image names it.
 * A layer is known by its DiffID, the digest of its uncompressed tar (config.md, "Layer DiffID"), and does not depend
 * on what lies under it: overlay whiteouts stand in it for `.wh.` files, the `trusted.overlay.opaque` xattr for
 * `.wh..wh..opq`. A crash leaves either no layer or a whole one.
 */
export type DiffId = Digest;

export interface LayerInfo {
  readonly diffId: DiffId;
  /** Bytes of the files in it. */
  readonly size: number;
}

/** A change of a container's filesystem against its image, as `docker diff` shows it. */
export interface Change {
  readonly path: string;
  readonly kind: "modified" | "added" | "deleted";
}

export interface OverlayMount {
  /** From the bottom to the top, as in an image's `rootfs.diff_ids`. */
  readonly layers: readonly DiffId[];
  /** The folder that gets `upper`, `work` and `merged`; made when missing. */
  readonly directory: string;
  /** No upper directory: the layers alone, read-only. */
  readonly readOnly?: boolean;
  /**
   * Never flushes to disk what is written: for build steps, whose result is flushed when it becomes a layer, and for
   * containers that are removed when they stop. Fast also when it is unmounted.
   */
  readonly volatile?: boolean;
}

export interface UnpackLimits {
  /** Bytes and entries beyond which an archive is refused with `exhausted` / `layer.too-large`. */
  readonly maxBytes?: number;
  readonly maxEntries?: number;
}

/** A blob that is still on its way: the worker reads what is there and waits for more. */
export interface GrowingBlob {
  readonly path: string;
  /** Where it is once it is complete. */
  readonly target: string;
  /** How many bytes are there, each time that there are more. Ends when all are. */
  readonly sizes: AsyncIterable<number>;
  /** Resolves when the blob is in the content store, its digest checked; rejects when it will not be. */
  readonly stored: Promise<unknown>;
}

export interface LayerStore {
  has(diffId: DiffId): boolean;
  /** Throws `not-found` / `layer.not-found`. */
  stat(diffId: DiffId): LayerInfo;
  /** The layer's directory, to read only. */
  path(diffId: DiffId): string;
  list(): LayerInfo[];
  /**
   * Unpacks the blob that `descriptor` names (tar, tar+gzip, tar+zstd, also Docker's media types) and checks
   * `expected`. Throws `invalid` / `layer.escape` for an archive that tries to leave its root, `invalid` /
   * `layer.malformed`, `data-loss` / `layer.diff-id-mismatch`; leaves nothing behind. With `growing` the blob need not be in
   * the content store before its end; nothing becomes visible before it is.
   */
  unpack(
    descriptor: Descriptor,
    options?: {
      readonly expected?: DiffId;
      readonly growing?: GrowingBlob;
      readonly limits?: UnpackLimits;
      readonly signal?: AbortSignal;
      readonly report?: Report;
    },
  ): Promise<LayerInfo>;
  /**
   * Makes a layer, and its uncompressed tar blob in the content store, of an overlay upper directory.
   * The tar is canonical: entries sorted by bytes, no access times; modification times that are later than
   * `sourceDateEpoch` (seconds), or not earlier than `since` (nanoseconds: when the work on `upper` began), become it.
   * With `move` the directory becomes the layer's own (rename); otherwise it is copied.
   */
  commit(
    upper: string,
    options: {
      readonly move: boolean;
      readonly sourceDateEpoch?: number;
      readonly since?: bigint;
      readonly signal?: AbortSignal;
    },
  ): Promise<{ readonly layer: LayerInfo; readonly descriptor: Descriptor }>;
  remove(diffId: DiffId): Promise<void>;
  /** Mounts a stack of layers; returns the path of the root filesystem (`directory/merged`). */
  mount(overlay: OverlayMount): Promise<string>;
  /** Unmounts what `mount` mounted below `directory`; does nothing when nothing is mounted. */
  unmount(directory: string): Promise<void>;
  /** What `directory/upper` changes in the stack below it, sorted by path. */
  changes(overlay: OverlayMount): Promise<Change[]>;
}

/** What the archive endpoints, COPY and ADD need: files in and out of a root that is not trusted. */
export interface Archives {
  /**
   * Unpacks a tar stream (plain, gzip or zstd, by its first bytes) below `directory` inside `root`. Symlinks in
   * `directory` are resolved as if `root` were `/`. Throws as `LayerStore.unpack`.
   */
  extract(
    source: AsyncIterable<Uint8Array>,
    root: string,
    directory: string,
    options?: ExtractOptions,
  ): Promise<Extracted>;
  /**
   * A tar stream of `path` inside `root`; the top entry is called `name` (default: the last part of `path`); with a
   * trailing `/.` in `path` the content of the directory without the directory itself.
   */
  create(root: string, path: string, options?: CreateOptions): ReadableStream<Uint8Array>;
}

export interface Extracted {
  readonly entries: number;
  readonly bytes: number;
  /** SHA-256 (hex) of the files that were hashed, by their absolute path in the root; see `hashFrom`. */
  readonly digests: Readonly<Record<string, string>>;
}

export interface ExtractOptions {
  /** An absolute path counts from the directory, as with tar(1), instead of being refused. */
  readonly stripLeadingSlashes?: boolean;
  /** All files get this owner instead of the archive's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Make `directory`, and its parents, when missing (0755, `owner` or root); otherwise it is `not-found`. */
  readonly makeDirectories?: boolean;
  /** Refuse to replace a directory by a file and the other way round, as `docker cp` does. */
  readonly noOverwriteDirNonDir?: boolean;
  /** Files of so many bytes and more are hashed while they are written. */
  readonly hashFrom?: number;
  readonly limits?: UnpackLimits;
  readonly signal?: AbortSignal;
}

export interface CreateOptions {
  readonly name?: string;
  /** True leaves the entry out, a directory with all in it. Paths are as in the archive. */
  readonly exclude?: (path: string) => boolean;
  readonly signal?: AbortSignal;
}
