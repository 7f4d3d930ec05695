import { fail } from "../../base/index.ts";
import type { Descriptor, Digest, Platform } from "../../content/index.ts";
import {
  depthOf,
  manifestTypes,
  type RemoteManifest,
  type RemoteRepository,
} from "../../distribution/index.ts";
import {
  isLayerType,
  malformed,
  mediaTypes,
  parseConfig,
  parseIndex,
  parseJson,
  parseManifest,
} from "../formats.ts";
import type { ImageConfig } from "../image.ts";
import { choosePlatform, fitness, platformText } from "./platforms.ts";

/** An image of a registry, known by its documents; no layer is here yet. */
export interface ResolvedImage {
  /** What the tag or digest names: an index or the manifest itself. */
  readonly digest: Digest;
  /** From there to the manifest, each named by the one before. */
  readonly chain: readonly Descriptor[];
  readonly manifest: RemoteManifest;
  readonly config: {
    readonly descriptor: Descriptor;
    readonly value: ImageConfig;
    readonly bytes: Uint8Array;
  };
  /** Bottom first; `config.value.rootfs.diff_ids` runs parallel. */
  readonly layers: readonly Descriptor[];
}

const maxConfigBytes = 8 << 20;
const maxIndexes = 3;
const maxDepth = 64;
const configTypes: readonly string[] = [mediaTypes.config, "application/vnd.docker.container.image.v1+json"];
const indexTypes: readonly string[] = manifestTypes.index;

/**
 * Reads what `reference` (a tag or a digest) names down to the configuration for `platform`, and checks it all. A manifest
 * that is no index is taken whatever it is for, unless the platform was `demanded`.
 */
export async function resolveImage(
  remote: RemoteRepository,
  reference: string,
  options: { readonly platform: Platform; readonly demanded: boolean; readonly signal: AbortSignal },
): Promise<ResolvedImage> {
  const { platform, signal } = options;
  const top = await remote.manifest(reference, signal);
  let manifest = top;
  const chain = [top.descriptor];
  for (let depth = 0; indexTypes.includes(manifest.descriptor.mediaType); depth++) {
    const what = `index ${manifest.descriptor.digest}`;
    if (depth >= maxIndexes) throw malformed(`${what} is nested more than ${maxIndexes} deep`);
    const index = parseIndex(parseJson(manifest.bytes, what), what);
    manifest = await childOf(remote, choosePlatform(index.manifests, platform, what), signal);
    chain.push(manifest.descriptor);
  }
  const what = `manifest ${manifest.descriptor.digest}`;
  const parsed = parseManifest(parseJson(manifest.bytes, what), what);
  if (!configTypes.includes(parsed.config.mediaType)) {
    throw fail(
      "unimplemented",
      "image.artifact",
      `${what} is no container image but '${parsed.config.mediaType}'`,
    );
  }
  for (const layer of parsed.layers) refuseLayer(layer);
  const config = await readConfig(remote, parsed.config, signal);
  if (config.value.rootfs.diff_ids.length !== parsed.layers.length) {
    const named = config.value.rootfs.diff_ids.length;
    throw malformed(`${what} has ${parsed.layers.length} layers, its configuration names ${named}`);
  }
  if (options.demanded) requirePlatform(config.value, platform);
  return { digest: top.descriptor.digest, chain, manifest, config, layers: parsed.layers };
}

async function childOf(
  remote: RemoteRepository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<RemoteManifest> {
  const child = await remote.manifest(descriptor.digest, signal);
  const { size } = child.descriptor;
  if (size === descriptor.size) return child;
  throw malformed(`${descriptor.digest} has ${size} bytes, not ${descriptor.size} as its index says`);
}

/** Throws `unimplemented` for a layer that is not in the registry, or of a kind that is not understood. */
function refuseLayer({ mediaType, digest, urls }: Descriptor): void {
  if (/foreign|nondistributable/.test(mediaType) || (urls !== undefined && urls.length > 0)) {
    throw fail(
      "unimplemented",
      "image.foreign-layer",
      `layer ${digest} is not in the registry ('${mediaType}'): foreign layers are not supported`,
      { hint: "Windows base images have such layers; nothing for Linux needs them" },
    );
  }
  if (isLayerType(mediaType)) return;
  throw fail(
    "unimplemented",
    "image.layer-type",
    `layer ${digest} is of the type '${mediaType}', which is not supported`,
  );
}

async function readConfig(remote: RemoteRepository, descriptor: Descriptor, signal: AbortSignal) {
  const what = `configuration ${descriptor.digest}`;
  if (descriptor.size > maxConfigBytes) throw malformed(`${what} is larger than ${maxConfigBytes} bytes`);
  const bytes = await remote.smallBlob(descriptor, signal);
  if (depthOf(bytes) > maxDepth) throw malformed(`${what} is nested more than ${maxDepth} deep`);
  return { descriptor, bytes, value: parseConfig(parseJson(bytes, what), what) };
}

function requirePlatform({ os, architecture, variant }: ImageConfig, wanted: Platform): void {
  const actual = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  if (fitness(wanted, actual) !== undefined) return;
  throw fail(
    "not-found",
    "image.no-platform",
    `the image is for ${platformText(actual)} only, not for ${platformText(wanted)}`,
  );
}
