import { z } from "zod";
import { fail } from "../../../base/index.ts";
import type { Descriptor, Digest } from "../../../content/index.ts";
import { isDigest } from "../../../images/index.ts";

/**
 * A build cache outside of a daemon: an OCI image manifest (image specification 1.1, "Guidelines for Artifact Usage")
 * whose layers are those of build steps, and whose configuration says which step made which.
 *
 * ```text
 * manifest   artifactType  application/vnd.virga.build-cache.v1
 *            config        application/vnd.virga.build-cache.config.v1+json
 *            layers        application/vnd.oci.image.layer.v1.tar+zstd (or +gzip, or plain), each once
 * config     layers        [{ diffId, size, tar: { digest, size }, blob? }]
 *            steps         [{ key, step, created, layer? }]   layer: an index into layers
 * ```
 *
 * `key` is what a step's outcome depends on (step-key.ts). `blob` is the digest of the layer in the manifest; a layer
 * without it is known, and not here (mode=min). `tar` is the layer as a daemon keeps it: what is unpacked is compared
 * with `diffId`, so a wrong blob gives no wrong layer.
 */
export const artifactType = "application/vnd.virga.build-cache.v1";
export const configType = "application/vnd.virga.build-cache.config.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), "is not a digest");
const size = z.int().min(0);

const config = z.object({
  version: z.literal(1),
  layers: z
    .array(
      z.object({
        diffId: digest,
        size,
        tar: z.object({ mediaType: z.string(), digest, size }),
        blob: digest.exactOptional(),
      }),
    )
    .max(20_000),
  steps: z
    .array(
      z.object({
        key: z.string().regex(/^[0-9a-f]{64}$/),
        step: z.string().regex(/^[0-9a-f]{64}$/),
        created: z.iso.datetime(),
        layer: size.exactOptional(),
      }),
    )
    .max(100_000),
});

export type CacheConfig = z.infer<typeof config>;

const descriptor = z.object({ mediaType: z.string(), digest, size });
const document = z.object({
  schemaVersion: z.literal(2),
  config: descriptor.exactOptional(),
  layers: z.array(descriptor).exactOptional(),
  manifests: z
    .array(
      descriptor.extend({
        platform: z.object({ os: z.string(), architecture: z.string() }).nullish(),
        annotations: z.record(z.string(), z.string()).nullish(),
      }),
    )
    .exactOptional(),
});

/** A manifest or an index, as far as it matters here. Throws `invalid` / `build.cache-malformed`. */
export function parseDocument(bytes: Uint8Array, what: string): z.infer<typeof document> {
  return checked(document, bytes, what);
}

/** Throws `invalid` / `build.cache-malformed`. */
export function parseCacheConfig(bytes: Uint8Array, what: string): CacheConfig {
  return checked(config, bytes, what);
}

export function encodeManifest(
  of: Descriptor,
  layers: readonly Descriptor[],
): { readonly mediaType: string; readonly bytes: Uint8Array } {
  const text = { schemaVersion: 2, mediaType: manifestType, artifactType, config: of, layers };
  return { mediaType: manifestType, bytes: Buffer.from(JSON.stringify(text)) };
}

export function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
}

export function malformed(what: string, reason: string) {
  return fail("invalid", "build.cache-malformed", `${what} is no build cache: ${reason}`);
}

function checked<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw malformed(what, "it is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(what, `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim());
}
