import { isVirgaError } from "../../base/index.ts";
import type { BlobInfo } from "../../content/index.ts";
import type { CredentialsOf, Registries, RemoteRepository } from "../../distribution/index.ts";
import { parseReference, type Image, type Images } from "../../images/index.ts";
import { z } from "zod";

/** A statement about a build with ten thousand materials is smaller. */
const maxBytes = 4 << 20;
const maxDocuments = 20;

/** Who asks a registry for what it knows of an image. */
export interface Asking {
  readonly credentials?: CredentialsOf;
  readonly signal?: AbortSignal;
}

const blob = z.object({ digest: z.string(), size: z.int().min(0) });
const manifest = z.object({ config: blob, layers: z.array(blob) });

/**
 * Takes over what the registries that an image came from have of one type about it, so that it is here as if it was
 * made here. A registry that has none, or does not answer, has nothing to say.
 */
export async function adoptDocuments(
  images: Pick<Images, "referrers">,
  registries: Pick<Registries, "open">,
  image: Image,
  artifactType: string,
  { credentials, signal = AbortSignal.timeout(60_000) }: Asking,
): Promise<void> {
  for (const named of image.digests) {
    try {
      const reference = parseReference(named);
      const access = { credentials: await credentials?.(reference.domain), signal, push: false };
      const remote = await registries.open(reference, access);
      const found = await remote.referrers(image.manifest.digest, artifactType, signal);
      for (const { digest } of found.slice(0, maxDocuments)) await adopt(images, remote, digest, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isVirgaError(error)) throw error;
    }
  }
}

async function adopt(
  { referrers }: Pick<Images, "referrers">,
  remote: RemoteRepository,
  digest: string,
  signal: AbortSignal,
): Promise<void> {
  const { bytes } = await remote.manifest(digest, signal);
  const parsed = manifest.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  if (!parsed.success) return;
  const wanted = [parsed.data.config, ...parsed.data.layers];
  if (wanted.some((one) => one.size > maxBytes) || wanted.length > maxDocuments) return;
  const blobs = await Promise.all(wanted.map((one) => remote.smallBlob(one as BlobInfo, signal)));
  await referrers.adopt(bytes, blobs);
}
