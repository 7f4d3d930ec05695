import type { Descriptor, Platform } from "../content/index.ts";
import { manifestTypes, type RemoteRepository } from "../distribution/index.ts";
import { parseConfig, parseIndex, parseJson, parseManifest } from "./formats.ts";
import { isAttestation } from "./pull/platforms.ts";
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
