import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import type { ContentStore, Descriptor, Digest } from "../content/index.ts";
import type { Referrer, Referrers } from "../images/index.ts";
import type { Found } from "./find-remote.ts";
import type { Kind } from "./kind.ts";
import type { Signature } from "./signature.ts";

export interface HereDependencies {
  readonly content: Pick<ContentStore, "path">;
  readonly referrers: Pick<Referrers, "of">;
}

/** What is kept here for a digest. Synchronous: nothing can come between the look and the use. */
export function findHere<T extends Signature>(
  { content, referrers }: HereDependencies,
  subject: Digest,
  kind: Kind<T>,
): Found<T>[] {
  return foundAmong(content, referrers.of(subject), kind);
}

/** The signatures, or attestations, among referrers whose blobs are here. */
export function foundAmong<T extends Signature>(
  content: Pick<ContentStore, "path">,
  referrers: readonly Referrer[],
  kind: Kind<T>,
): Found<T>[] {
  return referrers
    .filter((one) => kind.artifactTypes.includes(one.artifactType))
    .flatMap((one) => one.layers.map((layer) => ({ layer, ofManifest: one.annotations })))
    .flatMap(({ layer, ofManifest }) => {
      const bytes = readBlob(content, layer);
      if (!bytes) return [{ problem: `the signature ${layer.digest} is damaged` }];
      return kind.read(layer.mediaType, bytes, layer.annotations ?? {}, ofManifest) ?? [];
    });
}

function readBlob(content: Pick<ContentStore, "path">, { digest }: Descriptor): Uint8Array | undefined {
  const bytes = readFileSync(content.path(digest));
  const [algorithm, hex] = digest.split(":") as [string, string];
  return createHash(algorithm).update(bytes).digest("hex") === hex ? bytes : undefined;
}
