import type { Descriptor, Platform } from "../content/index.ts";
import { manifestTypes, type RemoteRepository } from "../distribution/index.ts";
import { hostPlatform, parseConfig, parseIndex, parseJson, parseManifest } from "./formats.ts";
import { isAttestation } from "./pull/platforms.ts";
import { resolveImage } from "./pull/resolve.ts";
import { withDefaultTag, type Reference } from "./reference.ts";

const indexTypes: readonly string[] = manifestTypes.index;

/** What a registry says of an image, without its layers: GET /distribution/{name}/json. */
export async function describeRemote(
  remote: RemoteRepository,
  reference: Reference,
  signal: AbortSignal,
): Promise<{ readonly descriptor: Descriptor; readonly platforms: readonly Platform[] }> {
  const { tag, digest } = withDefaultTag(reference);
  const { descriptor, bytes } = await remote.manifest(digest ?? tag!, signal);
  const what = `manifest ${descriptor.digest}`;
  if (indexTypes.includes(descriptor.mediaType)) {
    const { manifests } = parseIndex(parseJson(bytes, what), what);
    const images = manifests.filter((one) => !isAttestation(one));
    return { descriptor, platforms: images.flatMap((one) => one.platform ?? []) };
  }
  const { config } = parseManifest(parseJson(bytes, what), what);
  const json = parseJson(await remote.smallBlob(config, signal), "the configuration");
  const { architecture, os, variant } = parseConfig(json, "the configuration");
  return { descriptor, platforms: [{ architecture, os, ...(variant === undefined ? {} : { variant }) }] };
}

/** What a pull would look at: from what a tag or a digest names to the manifest for this machine. */
export async function manifestChain(
  remote: RemoteRepository,
  reference: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const options = { platform: hostPlatform(), demanded: false, signal };
  return (await resolveImage(remote, reference, options)).chain;
}

const maxDepth = 4;
const maxManifests = 200;

/** What a tag or a digest names; with `all` also what an index has, and indexes in it. */
export async function manifestTree(
  remote: RemoteRepository,
  reference: string,
  all: boolean,
  signal: AbortSignal,
): Promise<Descriptor[]> {
  const found = new Map<string, Descriptor>();
  let level = [reference];
  for (let depth = 0; level.length > 0 && depth < maxDepth; depth++) {
    const next: string[] = [];
    for (const one of level) {
      const { descriptor, bytes } = await remote.manifest(one, signal);
      if (found.has(descriptor.digest) || found.size >= maxManifests) continue;
      found.set(descriptor.digest, descriptor);
      if (!all || !indexTypes.includes(descriptor.mediaType)) continue;
      const what = `index ${descriptor.digest}`;
      next.push(...parseIndex(parseJson(bytes, what), what).manifests.map((child) => child.digest));
    }
    level = next;
  }
  return [...found.values()];
}
