import { z } from "zod";
import { isVirgaError } from "../base/index.ts";
import type { Descriptor, Digest } from "../content/index.ts";
import type { RemoteRepository } from "../distribution/index.ts";
import { keyOf } from "./formats.ts";
import type { Kind } from "./kind.ts";
import type { Signature, Unreadable } from "./signature.ts";

/** What one digest may have; a registry that has more is not waited for. */
const maxManifests = 50;
const maxSignatures = 200;

/** What lists of registries call a manifest that they do not look into: the type of its empty configuration. */
const unknownTypes: readonly (string | undefined)[] = [undefined, "application/vnd.oci.empty.v1+json"];

export type Found<T extends Signature = Signature> = T | Unreadable;

/** The signatures, or attestations, that a registry has for a digest, by tag and by referrers, each once. */
export async function findInRegistry<T extends Signature>(
  remote: RemoteRepository,
  digest: Digest,
  kind: Kind<T>,
  signal: AbortSignal,
): Promise<Found<T>[]> {
  const tag = `${digest.replace(":", "-")}.${kind.suffix}`;
  const found: Found<T>[] = [];
  found.push(...(await readSignatures(remote, tag, kind, signal)));
  for (const { digest: referrer } of await candidates(remote, digest, kind.artifactTypes, signal)) {
    if (found.length >= maxSignatures) break;
    found.push(...(await readSignatures(remote, referrer, kind, signal)));
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
  types: readonly string[],
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const wanted: readonly (string | undefined)[] = [...types, ...unknownTypes];
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

async function readSignatures<T extends Signature>(
  remote: RemoteRepository,
  reference: string,
  kind: Kind<T>,
  signal: AbortSignal,
): Promise<Found<T>[]> {
  let bytes: Uint8Array | undefined;
  try {
    ({ bytes } = await remote.manifest(reference, signal));
    const manifest = readManifest(bytes);
    return manifest ? await readLayers(remote, manifest, kind, signal) : [];
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

async function readLayers<T extends Signature>(
  remote: RemoteRepository,
  { layers, annotations }: Manifest,
  kind: Kind<T>,
  signal: AbortSignal,
): Promise<Found<T>[]> {
  const found: Found<T>[] = [];
  for (const layer of layers.slice(0, maxSignatures)) {
    if (!kind.layerTypes.includes(layer.mediaType)) continue;
    if (layer.size > kind.maxBytes) {
      found.push({ problem: `a signature of ${layer.size} bytes` });
      continue;
    }
    const blob = { digest: layer.digest as Digest, size: layer.size };
    const bytes = await remote.smallBlob(blob, signal);
    const one = kind.read(layer.mediaType, bytes, layer.annotations ?? {}, annotations ?? {});
    if (one) found.push(one);
  }
  return found;
}
