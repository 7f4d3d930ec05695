import type { ContentStore, Digest } from "../../content/index.ts";
import { malformed, parseIndex } from "../formats.ts";
import { readReferrer } from "../referrers/document.ts";
import { blobsOfReferrer, type StoredReferrer } from "../referrers/referrer-table.ts";
import type { ArchiveFiles } from "./spool.ts";

/**
 * Signatures and the like travel in archives by a list of their own, an index beside `index.json`: more entries there would
 * be more images for programs that take the only one.
 */
export const referrersFile = "referrers.json";

const maxReferrers = 1000;
const maxManifestBytes = 4 << 20;

/** The referrers that an archive has for one of its images, and those of these. Throws `invalid` / `image.malformed`. */
export async function readReferrers(files: ArchiveFiles, content: ContentStore): Promise<StoredReferrer[]> {
  const list = files.find(referrersFile);
  if (list === undefined) return [];
  if (list.size > maxManifestBytes)
    throw malformed(`${referrersFile} is larger than ${maxManifestBytes} bytes`);
  const { manifests } = parseIndex(await content.readJson(list.digest), referrersFile);
  if (manifests.length > maxReferrers)
    throw malformed(`${referrersFile} has more than ${maxReferrers} entries`);
  const found: StoredReferrer[] = [];
  for (const { digest } of manifests) {
    const blob = files.blob(digest);
    if (!blob || blob.size > maxManifestBytes) throw malformed(`the archive lacks the referrer ${digest}`);
    const one = readReferrer(await Bun.file(content.path(digest)).bytes());
    const missing = blobsOfReferrer(one).find((part) => files.blob(part) === undefined);
    if (missing !== undefined) throw malformed(`the archive lacks ${missing}, of the referrer ${digest}`);
    found.push(one);
  }
  return found;
}

/** Those that belong to `subject`, directly or by one another. */
export function referrersFor(all: readonly StoredReferrer[], subject: Digest): StoredReferrer[] {
  const mine = new Set<Digest>([subject]);
  let before = 0;
  while (before !== mine.size) {
    before = mine.size;
    for (const { referrer } of all) if (mine.has(referrer.subject)) mine.add(referrer.digest);
  }
  return all.filter(({ referrer }) => mine.has(referrer.digest));
}
