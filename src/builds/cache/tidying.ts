import { statfs } from "node:fs/promises";
import { fail, messageOf, parseBytes } from "../../base/index.ts";
import { trimCache, type CacheParts } from "./prune.ts";

/** How large the build cache may become: bytes, or a share of the disk that it is on. */
export type CacheLimit =
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "share"; readonly share: number };

/** `20GB`, or `20%`. Throws `invalid` / `build.cache-limit`. */
export function parseCacheLimit(text: string): CacheLimit {
  const percent = /^(\d{1,2}(?:\.\d+)?|100)\s*%$/.exec(text.trim())?.[1];
  if (percent !== undefined) return { kind: "share", share: Number(percent) / 100 };
  try {
    return { kind: "bytes", bytes: parseBytes(text) };
  } catch {
    throw fail("invalid", "build.cache-limit", `'${text}' is not a size of a cache`, {
      hint: "write it like 20GB, or 20% for a share of the disk",
    });
  }
}

/** Weighs cache mounts and keeps the cache under its limit, after builds and beside new ones, once at a time. */
export interface Tidying {
  begin(): void;
  /** Resolves when what was begun is done. */
  done(): Promise<void>;
}

export function createTidying(parts: CacheParts, limit: CacheLimit | undefined): Tidying {
  const { identity, logger } = parts.services;
  let last: Promise<void> = Promise.resolve();
  const tidy = async () => {
    try {
      await parts.cacheMounts.measure();
      if (!limit) return;
      const freed = await trimCache(parts, await bytesOf(limit, identity.path()));
      if (freed > 0) logger.info("the build cache was trimmed to its limit", { freed });
    } catch (error) {
      logger.warn("the build cache could not be tidied", { error: messageOf(error) });
    }
  };
  return {
    begin: () => void (last = last.then(tidy)),
    done: () => last,
  };
}

async function bytesOf(limit: CacheLimit, folder: string): Promise<number> {
  if (limit.kind === "bytes") return limit.bytes;
  const { blocks, bsize } = await statfs(folder);
  return Math.floor(blocks * bsize * limit.share);
}
