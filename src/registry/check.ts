import { createReadStream } from "node:fs";
import { errnoOf, type Logger } from "../base/index.ts";
import { parseDigest, type ContentStore, type Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";

/** What a check of everything found. */
export interface Checked {
  readonly blobs: number;
  readonly bytes: number;
  /** What is not what its digest says, or not there; with the repositories that have it. */
  readonly damaged: readonly { readonly digest: Digest; readonly repositories: readonly string[] }[];
}

interface Row {
  digest: Digest;
  size: number;
  repositories: string;
}

/**
 * Reads every blob and manifest and compares it with its digest. What is damaged leaves the disk: it is not served any
 * more, and the next push of it mends every repository that has it.
 */
export async function checkContent(
  {
    state,
    content,
    logger,
  }: { readonly state: State; readonly content: ContentStore; readonly logger: Logger },
  signal?: AbortSignal,
): Promise<Checked> {
  const rows = state.db
    .query<Row, []>(
      `SELECT digest, size, group_concat(DISTINCT name) AS repositories FROM (
         SELECT digest, size, repository FROM registry_links
         UNION SELECT digest, size, repository FROM registry_manifests)
       JOIN registry_repositories ON id = repository GROUP BY digest ORDER BY digest`,
    )
    .all();
  let bytes = 0;
  const damaged: { digest: Digest; repositories: string[] }[] = [];
  for (const { digest, size, repositories } of rows) {
    signal?.throwIfAborted();
    bytes += size;
    if (await isWhole(content, digest)) continue;
    logger.error("a blob of the registry is damaged", { digest, repositories });
    await content.remove(digest);
    damaged.push({ digest, repositories: repositories.split(",") });
  }
  return { blobs: rows.length, bytes, damaged };
}

async function isWhole(content: ContentStore, digest: Digest): Promise<boolean> {
  if (!content.has(digest)) return false;
  const { algorithm, hex } = parseDigest(digest);
  const hasher = new Bun.CryptoHasher(algorithm);
  try {
    const stream = createReadStream(content.path(digest), { highWaterMark: 1 << 20 });
    for await (const chunk of stream) hasher.update(chunk as Buffer);
  } catch (error) {
    // The disk can't read it (any more).
    if (errnoOf(error) === "EIO") return false;
    throw error;
  }
  return hasher.digest("hex") === hex;
}
