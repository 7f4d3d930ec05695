import { isVirgaError } from "../../../base/index.ts";
import type { ContentStore } from "../../../content/index.ts";
import type { CredentialsOf, Registries } from "../../../distribution/index.ts";
import { familiar, formatReference, parseReference, withDefaultTag } from "../../../images/index.ts";
import type { CachePlace } from "./cache-place.ts";

export interface RegistryPlaceDependencies {
  readonly registries: Registries;
  readonly content: Pick<ContentStore, "resume">;
  readonly credentials: CredentialsOf | undefined;
}

/** A tag (or a digest, to read) of a repository. Throws `invalid` for a reference that is none, and what `open` throws. */
export async function openRegistryPlace(
  { registries, content, credentials }: RegistryPlaceDependencies,
  text: string,
  options: { readonly push: boolean; readonly signal: AbortSignal },
): Promise<CachePlace> {
  const reference = withDefaultTag(parseReference(text));
  const access = { credentials: await credentials?.(reference.domain), ...options };
  const remote = await registries.open(reference, access);
  return {
    name: familiar(formatReference(reference)),
    async manifest(digest, signal) {
      try {
        const { descriptor, bytes } = await remote.manifest(
          digest ?? reference.digest ?? reference.tag!,
          signal,
        );
        return { mediaType: descriptor.mediaType, bytes };
      } catch (error) {
        if (isVirgaError(error, "not-found")) return undefined;
        throw error;
      }
    },
    small: (blob, signal) => remote.smallBlob(blob, signal),
    async read(blob, received, use, signal) {
      const partial = await content.resume(blob.digest);
      try {
        await remote.downloadBlob(blob, partial, received, signal);
        await partial.flush();
        return await use(Bun.file(partial.path).stream());
      } finally {
        // The blob itself is not kept: its layer is, uncompressed.
        await partial.abort();
      }
    },
    has: ({ digest }, signal) => remote.hasBlob(digest, signal),
    write: (blob, path, sent, signal) =>
      remote.pushBlob(
        { ...blob, open: (start, end) => Bun.file(path).slice(start, end).stream() },
        sent,
        signal,
      ),
    async finish(mediaType, bytes, signal) {
      await remote.pushManifest(reference.tag!, mediaType, bytes, signal);
    },
  };
}
