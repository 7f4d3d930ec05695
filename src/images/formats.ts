import { z } from "zod";
import { fail, messageOf } from "../base/index.ts";
import type { Descriptor, Digest, Platform } from "../content/index.ts";
import type { ImageConfig } from "./image.ts";
import { isDigest } from "./reference.ts";

/**
 * The JSON documents of an image: configuration, manifest, index (OCI image specification 1.1) and their Docker
 * twins. What comes from outside is checked here before anything else sees it.
 */
export const mediaTypes = {
  config: "application/vnd.oci.image.config.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

export interface Manifest {
  readonly schemaVersion: 0 | 2;
  readonly mediaType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly schemaVersion: 0 | 2;
  readonly manifests: readonly Descriptor[];
}

const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.layer,
  mediaTypes.layerGzip,
  mediaTypes.layerZstd,
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
]);

/** Whether a layer of this media type can be unpacked. */
export function isLayerType(mediaType: string): boolean {
  return layerTypes.has(mediaType);
}

const digest = z.string().refine(isDigest, "is not a digest");
const texts = z.record(z.string(), z.string());
const set = z.record(z.string(), z.object({}));

const platform = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  "os.version": z.string().optional(),
});

const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().min(0),
  annotations: texts.optional(),
  platform: platform.optional(),
  urls: z.array(z.string()).optional(),
});

/** Go programs that make archives leave it out, and 1, of another format, is not taken for it. */
const schemaVersion = z.literal([0, 2]).default(2);

const manifest = z.object({
  schemaVersion,
  mediaType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor).max(1000),
});

const index = z.object({ schemaVersion, manifests: z.array(descriptor).max(1000) });

const healthcheck = z.object({
  Test: z.array(z.string()).optional(),
  Interval: z.int().optional(),
  Timeout: z.int().optional(),
  StartPeriod: z.int().optional(),
  StartInterval: z.int().optional(),
  Retries: z.int().optional(),
});

/** Go reads one string where a list is expected in old images: `"Entrypoint": "/bin/sh"`. */
const words = z.union([z.array(z.string()), z.string().transform((text) => [text])]);

const process_ = z.object({
  User: z.string().optional(),
  ExposedPorts: set.optional(),
  Env: z.array(z.string()).optional(),
  Entrypoint: words.optional(),
  Cmd: words.optional(),
  Volumes: set.optional(),
  WorkingDir: z.string().optional(),
  Labels: texts.optional(),
  StopSignal: z.string().optional(),
  StopTimeout: z.int().optional(),
  Healthcheck: healthcheck.optional(),
  Shell: z.array(z.string()).optional(),
  OnBuild: z.array(z.string()).optional(),
  ArgsEscaped: z.boolean().optional(),
});

const config = z.object({
  architecture: z.string().min(1),
  os: z.string().min(1),
  variant: z.string().optional(),
  created: z
    .string()
    .refine((text) => !Number.isNaN(Date.parse(text)), "is not a time")
    .optional(),
  author: z.string().optional(),
  config: process_.optional(),
  rootfs: z.object({ type: z.literal("layers"), diff_ids: z.array(digest).max(1000).default([]) }),
  history: z
    .array(
      z.object({
        created: z.string().optional(),
        created_by: z.string().optional(),
        author: z.string().optional(),
        comment: z.string().optional(),
        empty_layer: z.boolean().optional(),
      }),
    )
    .max(10_000)
    .optional(),
});

const archiveManifest = z
  .array(
    z.object({
      Config: z.string().min(1),
      RepoTags: z.array(z.string()).optional(),
      Layers: z.array(z.string()).max(1000).default([]),
    }),
  )
  .max(1000);

/** One image of a Docker archive's `manifest.json`. */
export interface ArchiveImage {
  readonly Config: string;
  readonly RepoTags?: readonly string[];
  readonly Layers: readonly string[];
}

/** Each throws `invalid` / `image.malformed` that names `what` and the place inside the document. */
export const parseConfig = (json: unknown, what: string) => check(config, json, what) as ImageConfig;
export const parseManifest = (json: unknown, what: string) => check(manifest, json, what) as Manifest;
export const parseIndex = (json: unknown, what: string) => check(index, json, what) as Index;
export const parseArchiveManifest = (json: unknown, what: string) =>
  check(archiveManifest, json, what) as ArchiveImage[];

/** Throws `invalid` / `image.malformed`. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(`${what} is not JSON: ${messageOf(error)}`);
  }
}

export function malformed(message: string): Error {
  return fail("invalid", "image.malformed", message);
}

function check(schema: z.ZodType, json: unknown, what: string): unknown {
  const result = schema.safeParse(withoutNulls(json));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = issue.path.length > 0 ? ` at ${issue.path.map(String).join(".")}` : "";
  throw malformed(`${what} is malformed${place}: ${issue.message}`);
}

/** Go writes `null` for an empty list or map; here that is an absent key. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]));
}

/** JSON with sorted keys and without absent values: equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

/** The platform of this machine in the words of OCI images. */
export function hostPlatform(): Platform {
  const names: Partial<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return { os: "linux", architecture: names[process.arch] ?? process.arch };
}

/** Media type of a layer whose first bytes are `head`; undefined when it is compressed in a way not supported. */
export function layerMediaType(head: Uint8Array): string | undefined {
  const hex = Buffer.from(head.subarray(0, 6)).toString("hex");
  if (hex.startsWith("1f8b")) return mediaTypes.layerGzip;
  // A zstd archive may begin with a skippable frame (RFC 8878, 3.1.2), as in zstd:chunked.
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return mediaTypes.layerZstd;
  const unsupported = ["fd377a585a", "425a68", "04224d18"]; // xz, bzip2, lz4
  return unsupported.some((magic) => hex.startsWith(magic)) ? undefined : mediaTypes.layer;
}
