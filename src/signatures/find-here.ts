import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import type { ContentStore, Descriptor, Digest } from "../content/index.ts";
import type { Referrer, Referrers } from "../images/index.ts";
import { readLayer, type Found } from "./find-remote.ts";
import { types } from "./formats.ts";

export interface HereDependencies {
  readonly content: Pick<ContentStore, "path">;
  readonly referrers: Pick<Referrers, "of">;
}

/** The signatures that are kept here for a digest. Synchronous: nothing can come between the look and the use. */
export function findHere({ content, referrers }: HereDependencies, subject: Digest): Found[] {
  return signaturesOf(content, referrers.of(subject));
}

/** The signatures among referrers whose blobs are here. */
export function signaturesOf(content: Pick<ContentStore, "path">, referrers: readonly Referrer[]): Found[] {
  const wanted: readonly string[] = [types.signatures, types.bundle];
  return referrers
    .filter((one) => wanted.includes(one.artifactType))
    .flatMap((one) => one.layers.map((layer) => ({ layer, ofManifest: one.annotations })))
    .flatMap(({ layer, ofManifest }) => {
      const bytes = readBlob(content, layer);
      if (!bytes) return [{ problem: `the signature ${layer.digest} is damaged` }];
      return readLayer(layer.mediaType, bytes, layer.annotations ?? {}, ofManifest) ?? [];
    });
}

function readBlob(content: Pick<ContentStore, "path">, { digest }: Descriptor): Uint8Array | undefined {
  const bytes = readFileSync(content.path(digest));
  const [algorithm, hex] = digest.split(":") as [string, string];
  return createHash(algorithm).update(bytes).digest("hex") === hex ? bytes : undefined;
}
