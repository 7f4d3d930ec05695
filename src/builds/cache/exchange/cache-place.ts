import type { BlobInfo, Descriptor } from "../../../content/index.ts";

/** A registry's repository or a folder, as caches are read from and written to it. */
export interface CachePlace {
  /** As events and errors call it. */
  readonly name: string;
  /** The manifest or index that the place names, or a digest. Undefined when there is none. */
  manifest(
    digest: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array } | undefined>;
  /** All of a small blob, checked. */
  small(blob: BlobInfo, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Runs `use` with the bytes of a layer's blob, whose digest may be wrong: what is made of them has one of its own.
   */
  read<T>(
    blob: Descriptor,
    received: (bytes: number) => void,
    use: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  has(blob: BlobInfo, signal: AbortSignal): Promise<boolean>;
  /** Stores a blob, whose bytes are in the file `path`. */
  write(blob: BlobInfo, path: string, sent: (bytes: number) => void, signal: AbortSignal): Promise<void>;
  /** Stores the manifest and names it: the cache is there. */
  finish(mediaType: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
}
