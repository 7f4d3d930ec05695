import type { Descriptor, Digest } from "../../content/index.ts";
import { canonicalJson, mediaTypes, sha256 } from "../formats.ts";
import type { Image } from "../image.ts";
import { find } from "../lookup.ts";
import { createCompressed, isPlain } from "../push/compressed.ts";
import { register, type RegisterDependencies } from "../register.ts";
import { blobsOf } from "../store.ts";
import { movedReferrers } from "./move.ts";

export type SettleDependencies = RegisterDependencies;

/** `Referrers.settle`. */
export async function settle(
  dependencies: SettleDependencies,
  name: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<Digest> {
  const { store, content, garbage } = dependencies;
  const { image } = find(store, name);
  const isSettled = store.isSettled(image.id, image.manifest.digest);
  if (isSettled || !image.layers.some(isPlain)) return image.manifest.digest;
  await using hold = garbage.hold();
  hold.own(...blobsOf(image));
  const compressed = createCompressed(store, content);
  const made = new Map<Digest, Descriptor>();
  for (const layer of image.layers) {
    if (!made.has(layer.digest)) made.set(layer.digest, await compressed.make(layer, hold, signal));
  }
  const config = { mediaType: mediaTypes.config, ...content.stat(image.id) };
  const json = compressedManifest(image, config, made);
  hold.own(sha256(json));
  const manifest = { mediaType: mediaTypes.manifest, ...(await content.put(json)) };
  const layers = image.layers.map((layer) => made.get(layer.digest)!);
  const referrers = await movedReferrers(dependencies, image.manifest.digest, manifest, hold);
  // The hold of the old blobs ends after the image has the new ones.
  await register(dependencies, { ...image, manifest, layers }, [], { settled: true, hold, referrers });
  return manifest.digest;
}

/** The manifest of an image whose layers are `made`, in OCI's words, also where the image came with Docker's. */
export function compressedManifest(
  image: Pick<Image, "layers">,
  config: Descriptor,
  made: ReadonlyMap<Digest, Descriptor>,
): string {
  return canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
    layers: image.layers.map((layer) => descriptorOf(made.get(layer.digest)!)),
  });
}

function descriptorOf({ mediaType, digest, size }: Descriptor) {
  const kinds: Record<string, string> = { gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd };
  return { mediaType: kinds[mediaType.split(/[+.]/).at(-1)!] ?? mediaTypes.layer, digest, size };
}
