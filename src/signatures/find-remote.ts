import { z } from "zod";
import { isVirgaError } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { RemoteRepository } from "../distribution/index.ts";
import { keyOf, readBundle, readSimple, types } from "./formats.ts";
import type { Signature, Unreadable } from "./signature.ts";

/** What one digest may have; a registry that has more is not waited for. */
const maxManifests = 50;
const maxSignatures = 200;
const maxBytes = 1 << 20;

/** What lists of registries call a manifest that they do not look into: the type of its empty configuration. */
const unknownTypes: readonly (string | undefined)[] = [undefined, "application/vnd.oci.empty.v1+json"];

export type Found = Signature | Unreadable;

/** The tag under which cosign keeps the signatures of a digest. */
export function signatureTag(digest: Digest, suffix: "sig" | "att" = "sig"): string {
  return `${digest.replace(":", "-")}.${suffix}`;
}

/** The signatures that a registry has for a digest, by tag and by referrers, each once. */
export async function findInRegistry(
  remote: RemoteRepository,
  digest: Digest,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  found.push(...(await readSignatures(remote, signatureTag(digest), signal)));
  for (const { digest: referrer } of await candidates(remote, digest, signal)) {
    if (found.length >= maxSignatures) break;
    found.push(...(await readSignatures(remote, referrer, signal)));
  }
  const known = new Set<string>();
  return found.filter((one) => {
    if ("problem" in one) return true;
    const key = keyOf(one);
    return !known.has(key) && known.add(key);
  });
}

async function candidates(
  remote: RemoteRepository,
  digest: Digest,
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const wanted: readonly (string | undefined)[] = [types.signatures, types.bundle, ...unknownTypes];
  const all = await remote.referrers(digest, undefined, signal);
  return all.filter((one) => wanted.includes(one.artifactType)).slice(0, maxManifests);
}

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).nullish(),
});
const manifestShape = z.object({
  layers: z.array(descriptor),
  annotations: z.record(z.string(), z.string()).nullish(),
});
type Manifest = z.infer<typeof manifestShape>;

/** What is broken in one place must not hide what is good in another; a registry that does not answer ends the search. */
const broken: readonly string[] = ["invalid", "unimplemented", "data-loss", "not-found"];

async function readSignatures(
  remote: RemoteRepository,
  reference: string,
  signal: AbortSignal,
): Promise<Found[]> {
  let bytes: Uint8Array | undefined;
  try {
    ({ bytes } = await remote.manifest(reference, signal));
    const manifest = readManifest(bytes);
    return manifest ? await readLayers(remote, manifest, signal) : [];
  } catch (error) {
    if (!isVirgaError(error) || !broken.includes(error.kind)) throw error;
    const isAbsent = bytes === undefined && error.kind === "not-found";
    return isAbsent ? [] : [{ problem: `a signature can't be read: ${error.message}` }];
  }
}

/** The layers of a manifest; undefined when it is none. */
export function readManifest(bytes: Uint8Array): Manifest | undefined {
  const parsed = manifestShape.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  return parsed.success ? parsed.data : undefined;
}

async function readLayers(
  remote: RemoteRepository,
  { layers, annotations }: Manifest,
  signal: AbortSignal,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const layer of layers.slice(0, maxSignatures)) {
    if (layer.mediaType !== types.simple && layer.mediaType !== types.bundle) continue;
    if (layer.size > maxBytes) {
      found.push({ problem: `a signature of ${layer.size} bytes` });
      continue;
    }
    const blob = { digest: layer.digest as Digest, size: layer.size };
    const bytes = await remote.smallBlob(blob, signal);
    const one = readLayer(layer.mediaType, bytes, layer.annotations ?? {}, annotations ?? {});
    if (one) found.push(one);
  }
  return found;
}

/** A signature, by the type of the layer that it is. */
export function readLayer(
  mediaType: string,
  bytes: Uint8Array,
  annotations: Readonly<Record<string, string>>,
  ofManifest: Readonly<Record<string, string>>,
): Found | undefined {
  if (mediaType === types.simple) return readSimple(bytes, annotations);
  return mediaType === types.bundle ? readBundle(bytes, ofManifest) : undefined;
}
