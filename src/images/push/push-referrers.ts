import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import { withSubject } from "../referrers/document.ts";
import { readAll } from "../referrers/read-blob.ts";
import type { ReferrerTable, StoredReferrer } from "../referrers/referrer-table.ts";
import { infoOf } from "../referrers/document.ts";

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
  for (const { digest, size } of new Map(
    [config, ...referrer.layers].map((one) => [one.digest, one]),
  ).values()) {
    if (await remote.hasBlob(digest, signal)) continue;
    const open = (start: number, end: number) => content.open(digest, { start, end });
    await remote.pushBlob({ digest, size, open }, () => {}, signal);
  }
  const stored = await readAll(content, referrer);
  const bytes = referrer.subject === subject.digest ? stored : withSubject(stored, subject);
  const { mediaType, artifactType, annotations } = referrer;
  const descriptor: Descriptor = { mediaType, ...infoOf(bytes), artifactType, annotations };
  await remote.pushReferrer(subject.digest, descriptor, bytes, signal);
  return descriptor;
}
