import type { Digest } from "../content/index.ts";

/**
 * Blobs that are on their way into a repository: stored already, or about to be, and not linked yet. While one is
 * leased no collection takes it.
 */
export interface Leases {
  has(digest: Digest): boolean;
  /** `using lease = leases.take(digest)`: until the end of the block. */
  take(digest: Digest): Disposable;
}

export function createLeases(): Leases {
  const taken = new Map<Digest, number>();
  return {
    has: (digest) => taken.has(digest),
    take(digest) {
      taken.set(digest, (taken.get(digest) ?? 0) + 1);
      return {
        [Symbol.dispose]() {
          const left = taken.get(digest)! - 1;
          if (left === 0) taken.delete(digest);
          else taken.set(digest, left);
        },
      };
    },
  };
}
