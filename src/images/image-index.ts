import type { Descriptor, Platform } from "../content/index.ts";
import { canonicalJson, mediaTypes } from "./formats.ts";
import type { Image } from "./image.ts";

/** The manifests of images, each with its platform. */
export function describedManifest(image: Image, manifest: Descriptor = image.manifest): Descriptor {
  const { os, architecture, variant } = image.config;
  const platform: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const { mediaType, digest, size } = manifest;
  return { mediaType, digest, size, platform };
}

/** An image index of these manifests: the same ones give the same bytes. */
export function indexOfManifests(manifests: readonly Descriptor[]): {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
} {
  const bytes = Buffer.from(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  return {
    bytes,
    descriptor: { mediaType: mediaTypes.index, digest: `sha256:${hash}`, size: bytes.length },
  };
}
