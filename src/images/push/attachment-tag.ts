import { isVirgaError } from "../../base/index.ts";
import type { Descriptor, Digest } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import { canonicalJson, mediaTypes, parseJson, parseManifest } from "../formats.ts";
import { infoOf } from "../referrers/document.ts";

/**
 * Before referrers there were, cosign kept what belongs to an image under a tag made of its digest: one manifest, with a layer
 * for each signature (`.sig`) or attestation (`.att`). podman, skopeo and older cosigns look only there.
 */
const suffixes: Readonly<Record<string, string>> = {
  "application/vnd.dev.cosign.artifact.sig.v1+json": "sig",
  "application/vnd.dev.cosign.artifact.att.v1+json": "att",
};
const signatureAnnotation = "dev.cosignproject.cosign/signature";

/** Adds the layers of an artifact to the tag of its kind, where it has one; those that are there stay as they are. */
export async function addToTag(
  remote: RemoteRepository,
  subject: Digest,
  { artifactType, layers }: { readonly artifactType: string; readonly layers: readonly Descriptor[] },
  signal: AbortSignal,
): Promise<void> {
  const suffix = suffixes[artifactType];
  if (suffix === undefined) return;
  const tag = `${subject.replace(":", "-")}.${suffix}`;
  const there = await layersOf(remote, tag, signal);
  const known = new Set(there.map(keyOf));
  const missing = layers.filter((layer) => !known.has(keyOf(layer)));
  if (missing.length === 0) return;
  const all = [...there, ...missing];
  const config = Buffer.from(configOf(all));
  const open = (start: number, end: number) => config.subarray(start, end);
  await remote.pushBlob({ ...infoOf(config), open }, () => {}, signal);
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...infoOf(config) },
    layers: all.map(({ mediaType, digest, size, annotations }) => ({ mediaType, digest, size, annotations })),
  });
  await remote.pushManifest(tag, mediaTypes.manifest, Buffer.from(manifest), signal);
}

async function layersOf(
  remote: RemoteRepository,
  tag: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  try {
    const { bytes } = await remote.manifest(tag, signal);
    return parseManifest(parseJson(bytes, tag), tag).layers;
  } catch (error) {
    if (isVirgaError(error, "not-found")) return [];
    throw error;
  }
}

/** One payload may have several signatures. */
function keyOf({ digest, annotations }: Descriptor): string {
  return `${digest} ${annotations?.[signatureAnnotation] ?? ""}`;
}

/** The tag names an image for those that read it, and so it has an image's configuration. */
function configOf(layers: readonly Descriptor[]): string {
  const created = "0001-01-01T00:00:00Z";
  return canonicalJson({
    architecture: "",
    os: "",
    created,
    config: {},
    history: layers.map(() => ({ created })),
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
  });
}
