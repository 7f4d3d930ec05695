import { z } from "zod";
import type { Descriptor, Digest } from "../../content/index.ts";
import { canonicalJson, malformed, mediaTypes, parseJson, parseManifest, sha256 } from "../formats.ts";
import { isDigest } from "../reference.ts";
import type { Artifact, Referrer } from "./referrer.ts";
import type { StoredReferrer } from "./referrer-table.ts";

const emptyType = "application/vnd.oci.empty.v1+json";
const empty = "{}";

/** A manifest with the blobs that it names. */
export interface Document {
  readonly manifest: string;
  readonly blobs: readonly (Uint8Array | string)[];
}

/** The manifest of an artifact as the image specification wants it (1.1, manifest.md, "Guidelines for Artifact Usage"). */
export function documentOf(subject: Descriptor, { artifactType, annotations, layers }: Artifact): Document {
  const blobs = layers.map((layer) => layer.bytes);
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType,
    config: { mediaType: emptyType, ...infoOf(empty) },
    layers: layers.map((layer) => ({
      mediaType: layer.mediaType,
      ...infoOf(layer.bytes),
      ...(layer.annotations === undefined ? {} : { annotations: layer.annotations }),
    })),
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(annotations === undefined ? {} : { annotations }),
  });
  return { manifest, blobs: [empty, ...blobs] };
}

const referring = z.object({
  artifactType: z.string().optional(),
  subject: z.object({ digest: z.string().refine(isDigest, "is not a digest") }),
  annotations: z.record(z.string(), z.string()).nullish(),
});

/** Reads the manifest of a referrer. Throws `invalid` / `image.malformed`, also when it refers to nothing. */
export function readReferrer(bytes: Uint8Array | string): StoredReferrer {
  const { digest, size } = infoOf(bytes);
  const what = `referrer ${digest}`;
  const json = parseJson(Buffer.from(bytes), what);
  const { config, layers, mediaType = mediaTypes.manifest } = parseManifest(json, what);
  const result = referring.safeParse(json);
  if (!result.success) throw malformed(`${what} is malformed: ${result.error.issues[0]!.message}`);
  const { artifactType = config.mediaType, subject, annotations } = result.data;
  return {
    config,
    referrer: {
      mediaType,
      digest,
      size,
      artifactType,
      subject: subject.digest,
      annotations: annotations ?? {},
      layers,
    },
  };
}

/** What is signed says which digest it is for; it is nothing for another one. */
const bound: readonly string[] = [
  "application/vnd.dev.cosign.artifact.sig.v1+json",
  "application/vnd.dev.cosign.artifact.att.v1+json",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
];

export function isBound({ artifactType }: Pick<Referrer, "artifactType">): boolean {
  return bound.includes(artifactType);
}

const statementType = "application/vnd.in-toto+json";

/**
 * A referrer's document for another subject. A statement of in-toto names the subject inside as well; a signed one is in
 * an envelope and stays what it is.
 */
export async function withNewSubject(
  manifest: Uint8Array,
  from: Digest,
  subject: Descriptor,
  read: (layer: Descriptor) => Promise<Uint8Array>,
): Promise<Document & { readonly manifest: string }> {
  const { layers } = readReferrer(manifest).referrer;
  const blobs: Uint8Array[] = [];
  const moved: Descriptor[] = [];
  for (const layer of layers) {
    const bytes =
      layer.mediaType === statementType ? renamed(await read(layer), from, subject.digest) : undefined;
    moved.push(bytes ? { ...layer, ...infoOf(bytes) } : layer);
    if (bytes) blobs.push(bytes);
  }
  const json = JSON.parse(Buffer.from(manifest).toString("utf8")) as Record<string, unknown>;
  const { mediaType, digest, size } = subject;
  return { manifest: canonicalJson({ ...json, layers: moved, subject: { mediaType, digest, size } }), blobs };
}

/** The statement with the digest of its subject replaced; undefined when it is about something else. */
function renamed(bytes: Uint8Array, from: Digest, to: Digest): Uint8Array | undefined {
  const statement = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
    readonly subject?: readonly { readonly digest?: Readonly<Record<string, string>> }[];
  };
  const [, before] = from.split(":");
  if (!statement.subject?.some((one) => one.digest?.["sha256"] === before)) return undefined;
  const subject = statement.subject.map((one) =>
    one.digest?.["sha256"] === before ? { ...one, digest: { sha256: to.split(":")[1]! } } : one,
  );
  return Buffer.from(JSON.stringify({ ...statement, subject }));
}

export function infoOf(bytes: Uint8Array | string): { readonly digest: Digest; readonly size: number } {
  return { digest: sha256(bytes), size: Buffer.byteLength(bytes) };
}
