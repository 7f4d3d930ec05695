import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import { isBound, readReferrer, withSubject } from "../referrers/document.ts";
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
  const blobs = new Map([config, ...referrer.layers].map((one) => [one.digest, one]));
  for (const blob of blobs.values()) {
    await sendBlob(remote, blob, (start, end) => content.open(blob.digest, { start, end }), signal);
  }
  const stored = await readAll(content, referrer);
  const bytes = referrer.subject === subject.digest ? stored : withSubject(stored, subject);
  const sent = readReferrer(bytes).referrer;
  await sendReferrer(remote, sent, bytes, signal);
  return sent;
}
