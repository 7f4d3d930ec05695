import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { Hold } from "../garbage.ts";
import { infoOf, isBound, readReferrer, withNewSubject } from "./document.ts";
import { readAll } from "./read-blob.ts";
import { blobsOfReferrer, type ReferrerTable, type StoredReferrer } from "./referrer-table.ts";

/**
 * The referrers of `from`, and theirs, written anew for an image whose manifest becomes `to`. They are to be inserted when
 * it is.
 */
export async function movedReferrers(
  dependencies: { readonly store: ReferrerTable; readonly content: ContentStore },
  from: Digest,
  to: Descriptor,
  hold: Hold,
): Promise<StoredReferrer[]> {
  const { store, content } = dependencies;
  if (from === to.digest) return [];
  const moved: StoredReferrer[] = [];
  for (const { referrer } of store.referrersOf(from)) {
    if (isBound(referrer)) continue;
    const read = (layer: Descriptor) => readAll(content, layer);
    const { manifest, blobs } = await withNewSubject(await read(referrer), from, to, read);
    const stored = readReferrer(manifest);
    hold.own(...blobsOfReferrer(stored));
    for (const bytes of [...blobs, manifest]) await content.put(bytes, infoOf(bytes));
    moved.push(stored, ...(await movedReferrers(dependencies, referrer.digest, stored.referrer, hold)));
  }
  return moved;
}
