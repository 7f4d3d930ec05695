import type { Digest } from "../content/index.ts";

const largest = 32 * 2 ** 20;

/** Manifests that were read lately and found to be what their digest says. */
export interface ManifestCache {
  get(digest: Digest): Uint8Array | undefined;
  set(digest: Digest, bytes: Uint8Array): void;
}

/** The one that was not asked for the longest goes first. */
export function createManifestCache(): ManifestCache {
  const kept = new Map<Digest, Uint8Array>();
  let size = 0;
  return {
    get(digest) {
      const bytes = kept.get(digest);
      if (!bytes) return undefined;
      kept.delete(digest);
      kept.set(digest, bytes);
      return bytes;
    },
    set(digest, bytes) {
      size += bytes.length - (kept.get(digest)?.length ?? 0);
      kept.set(digest, bytes);
      for (const [oldest, { length }] of kept) {
        if (size <= largest) break;
        kept.delete(oldest);
        size -= length;
      }
    },
  };
}
