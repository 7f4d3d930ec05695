import type { BlobInfo, Descriptor } from "../../content/index.ts";
import type { BlobSource, RemoteRepository } from "../../distribution/index.ts";
import { documentOf, infoOf, readReferrer } from "../referrers/document.ts";
import type { Artifact, Referrer } from "../referrers/referrer.ts";
import { addToTag } from "./attachment-tag.ts";

/** Puts an artifact beside an image in its registry; nothing of it is kept here. */
export async function publishArtifact(
  remote: RemoteRepository,
  subject: Descriptor,
  artifact: Artifact,
  signal: AbortSignal,
): Promise<Referrer> {
  const { manifest, blobs } = documentOf(subject, artifact);
  for (const blob of blobs) {
    const bytes = Buffer.from(blob);
    await sendBlob(remote, infoOf(bytes), (start, end) => bytes.subarray(start, end), signal);
  }
  const { referrer } = readReferrer(manifest);
  await sendReferrer(remote, referrer, Buffer.from(manifest), signal);
  return referrer;
}

export async function sendBlob(
  remote: RemoteRepository,
  { digest, size }: BlobInfo,
  open: BlobSource["open"],
  signal: AbortSignal,
): Promise<void> {
  if (await remote.hasBlob(digest, signal)) return;
  await remote.pushBlob({ digest, size, open }, () => {}, signal);
}

/** Sends the manifest of a referrer whose blobs are there, and lists it by all schemes that readers know. */
export async function sendReferrer(
  remote: RemoteRepository,
  referrer: Referrer,
  manifest: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { mediaType, digest, size, artifactType, annotations, subject } = referrer;
  const listed: Descriptor = { mediaType, digest, size, artifactType, annotations };
  await remote.pushReferrer(subject, listed, manifest, signal);
  await addToTag(remote, subject, referrer, signal);
}
