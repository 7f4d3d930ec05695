import { z } from "zod";
import { messageOf } from "../base/index.ts";
import { parseDigest, type Digest } from "../content/index.ts";
import { refuse, type RegistryError } from "./errors.ts";

/** The specification asks for at least 4 megabytes; what is larger is no manifest. */
export const largestManifest = 4 * 2 ** 20;

export const manifestTypes = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

const imageTypes: readonly string[] = [manifestTypes.ociManifest, manifestTypes.dockerManifest];
const indexTypes: readonly string[] = [manifestTypes.ociIndex, manifestTypes.dockerList];
const schema1Types: readonly string[] = [
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/** What the registry has to know of a manifest. */
export interface ManifestContent {
  readonly mediaType: string;
  /** Blobs that must be in the repository. */
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  /** Blobs that others may serve, and the members of an index. */
  readonly others: readonly Digest[];
  readonly subject?: Digest;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PlatformManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly platform?:
    | { readonly os?: string | undefined; readonly architecture?: string | undefined }
    | null
    | undefined;
}

const digest = z.string().refine(isDigest, "is not a digest of sha256 or sha512");
/** Go writes `null` for what is empty. */
const annotations = z.record(z.string(), z.string()).nullish();
const descriptor = z.object({
  mediaType: z.string().regex(/^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9][\w!#$&^.+-]*$/, "is not a media type"),
  digest,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).nullish(),
});
const platform = z.object({ os: z.string().optional(), architecture: z.string().optional() }).nullish();
const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().nullish(),
  subject: descriptor.nullish(),
  annotations,
};
const imageManifest = z.object({
  ...common,
  config: descriptor,
  layers: z.array(descriptor).nullable(),
  manifests: z.undefined().optional(),
});
const imageIndex = z.object({
  ...common,
  manifests: z.array(descriptor.extend({ platform })).nullable(),
  layers: z.undefined().optional(),
  config: z.undefined().optional(),
});

/**
 * Reads a manifest that was pushed as `contentType`. Throws `invalid` / `registry.manifest-invalid`, which names the
 * place, and `registry.manifest-too-large`.
 */
export function readManifest(bytes: Uint8Array, contentType: string | undefined): ManifestContent {
  refuseSize(bytes.length);
  const json = parse(bytes);
  const mediaType = typeOf(json, contentType);
  if (imageTypes.includes(mediaType)) return fromImage(check(imageManifest, json), mediaType);
  return fromIndex(check(imageIndex, json), mediaType);
}

/** Throws `invalid` / `registry.manifest-too-large`. */
export function refuseSize(size: number): void {
  if (size <= largestManifest) return;
  throw refuse("invalid", "registry.manifest-too-large", `a manifest has ${largestManifest} bytes at most`, {
    detail: { limit: largestManifest },
    hint: "put the data into a blob and refer to it from the manifest",
  });
}

/** The members of an index that was checked when it was pushed. */
export function indexMembers(bytes: Uint8Array): readonly PlatformManifest[] {
  return check(imageIndex, parse(bytes)).manifests ?? [];
}

export function isIndex(mediaType: string): boolean {
  return indexTypes.includes(mediaType);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(`the manifest is not JSON: ${messageOf(error)}`);
  }
}

function typeOf(json: unknown, contentType: string | undefined): string {
  const object = typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  const inside = typeof object["mediaType"] === "string" ? object["mediaType"] : undefined;
  const outside = contentType?.split(";", 1)[0]!.trim().toLowerCase();
  if (object["schemaVersion"] === 1 || schema1Types.includes(outside ?? "")) {
    throw malformed("manifests of Docker's schema 1 are not supported", {
      hint: "push it with a tool of this decade, for example: skopeo copy --format v2s2",
    });
  }
  if (inside !== undefined && outside && inside.toLowerCase() !== outside) {
    throw malformed(`the manifest says it is '${inside}', the request '${outside}'`);
  }
  const type =
    outside || inside || ("manifests" in object ? manifestTypes.ociIndex : manifestTypes.ociManifest);
  if (imageTypes.includes(type) || indexTypes.includes(type)) return type;
  throw malformed(`'${type}' is no type of manifest that is supported`, {
    hint: `${Object.values(manifestTypes).join(", ")}; artifacts of other types go into the first, as artifactType`,
  });
}

function fromImage(manifest: z.infer<typeof imageManifest>, mediaType: string): ManifestContent {
  const { config, layers, artifactType } = manifest;
  const all = [config, ...(layers ?? [])];
  const elsewhere = all.filter(isElsewhere);
  return {
    mediaType,
    blobs: all.filter((one) => !elsewhere.includes(one)),
    others: elsewhere.map((one) => one.digest),
    ...rest(manifest),
    artifactType: artifactType || config.mediaType,
  };
}

/** Layers that may not be handed on: whoever wants them gets them from their maker. */
function isElsewhere({ mediaType, urls }: z.infer<typeof descriptor>): boolean {
  return (urls?.length ?? 0) > 0 || /\.nondistributable\.|\.foreign\./.test(mediaType);
}

function fromIndex(index: z.infer<typeof imageIndex>, mediaType: string): ManifestContent {
  const { artifactType, manifests } = index;
  return {
    mediaType,
    blobs: [],
    others: (manifests ?? []).map((one) => one.digest),
    ...rest(index),
    ...(artifactType ? { artifactType } : {}),
  };
}

function rest({ subject, annotations }: z.infer<typeof imageManifest> | z.infer<typeof imageIndex>) {
  return {
    ...(subject ? { subject: subject.digest } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

function check<T>(schema: z.ZodType<T>, json: unknown): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = issue.path.map(String).join(".");
  throw malformed(`the manifest is malformed${place ? ` at ${place}` : ""}: ${issue.message}`, {
    detail: { place },
  });
}

function isDigest(text: string): text is Digest {
  try {
    parseDigest(text);
    return true;
  } catch {
    return false;
  }
}

function malformed(
  message: string,
  more: { readonly hint?: string; readonly detail?: unknown } = {},
): RegistryError {
  return refuse("invalid", "registry.manifest-invalid", message, more);
}
