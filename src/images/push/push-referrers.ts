import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import { infoOf, isBound, readReferrer, withNewSubject } from "../referrers/document.ts";
import { readAll } from "../referrers/read-blob.ts";
import type { ReferrerTable, StoredReferrer } from "../referrers/referrer-table.ts";
import { sendBlob, sendReferrer } from "./publish.ts";

export interface PushReferrersDependencies {
  readonly store: ReferrerTable;
  readonly content: ContentStore;
}

/**
 * Sends what refers to the manifest `local` after the image, whose manifest at the registry is `subject`, and what
 * refers to that in turn.
 */
export async function pushReferrers(
  dependencies: PushReferrersDependencies,
  remote: RemoteRepository,
  local: Digest,
  subject: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  for (const one of dependencies.store.referrersOf(local)) {
    if (local !== subject.digest && isBound(one.referrer)) continue;
    const sent = await pushReferrer(dependencies, remote, one, subject, signal);
    await pushReferrers(dependencies, remote, one.referrer.digest, sent, signal);
  }
}

async function pushReferrer(
  { content }: PushReferrersDependencies,
  remote: RemoteRepository,
  { referrer, config }: StoredReferrer,
  subject: Descriptor,
  signal: AbortSignal,
): Promise<Descriptor> {
  const read = (layer: Descriptor) => readAll(content, layer);
  const stored = await read(referrer);
  const isMoved = referrer.subject !== subject.digest;
  const { manifest, blobs } = isMoved
    ? await withNewSubject(stored, referrer.subject, subject, read)
    : { manifest: stored, blobs: [] };
  const bytes = Buffer.from(manifest);
  const sent = readReferrer(bytes).referrer;
  const made = new Map(blobs.map((blob) => [infoOf(blob).digest, Buffer.from(blob)]));
  for (const blob of new Map([config, ...sent.layers].map((one) => [one.digest, one])).values()) {
    const own = made.get(blob.digest);
    const open = (start: number, end: number) =>
      own ? new Blob([own.subarray(start, end)]).stream() : content.open(blob.digest, { start, end });
    await sendBlob(remote, blob, open, signal);
  }
  await sendReferrer(remote, sent, bytes, signal);
  return sent;
}
