import type { ContentStore } from "../../content/index.ts";
import type { Evidence } from "../admission.ts";
import type { Hold } from "../garbage.ts";
import { documentOf, infoOf, readReferrer } from "./document.ts";
import { blobsOfReferrer, type StoredReferrer } from "./referrer-table.ts";

/** Stores what a pull brought along; to be inserted with the image. */
export async function storeEvidence(
  content: ContentStore,
  evidence: readonly Evidence[],
  hold: Hold,
): Promise<StoredReferrer[]> {
  const stored: StoredReferrer[] = [];
  for (const { subject, artifact } of evidence) {
    const { manifest, blobs } = documentOf(subject, artifact);
    const one = readReferrer(manifest);
    hold.own(...blobsOfReferrer(one));
    for (const bytes of [...blobs, manifest]) await content.put(bytes, infoOf(bytes));
    stored.push(one);
  }
  return stored;
}
