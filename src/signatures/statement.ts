import { z } from "zod";
import { fail } from "../base/index.ts";
import type { Artifact } from "../images/index.ts";
import { certificateAnnotation, parse, signatureAnnotation, texts, types, unreadable } from "./formats.ts";
import { preAuthenticationEncoding, signPredicate } from "./keys/index.ts";
import type { Attestation, Signature, Unreadable } from "./signature.ts";

/**
 * Signed statements of in-toto: in a DSSE envelope (cosign 2's attestations), or in one in a Sigstore bundle (cosign 3's
 * attestations and signatures; github.com/sigstore/protobuf-specs).
 */
const envelope = z.object({
  payloadType: z.string(),
  payload: z.base64(),
  signatures: z.array(z.object({ sig: z.base64() })).min(1),
});

const bundle = z.object({
  mediaType: z.string(),
  verificationMaterial: z.object({
    publicKey: z.object({ hint: z.string().nullish() }).nullish(),
    certificate: z.unknown().optional(),
    x509CertificateChain: z.unknown().optional(),
  }),
  dsseEnvelope: envelope.extend({ signatures: envelope.shape.signatures.length(1) }).optional(),
});

const statement = z.object({
  predicateType: z.string(),
  subject: z
    .array(
      z.object({
        digest: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.unknown()).nullish(),
      }),
    )
    .min(1),
  predicate: z.unknown().optional(),
});

type Texts = Readonly<Record<string, string>>;
/** A statement with its signature, whatever it says. */
type Opened = Omit<Attestation, "format" | "artifact" | "keyless">;

/** A bundle that signs an image; undefined for one that says something of it. */
export function readBundle(bytes: Uint8Array, annotations: Texts): Signature | Unreadable | undefined {
  const opened = openBundle(bytes, annotations);
  if (!opened || "problem" in opened) return opened;
  const { predicateType, predicate: _, ...signature } = opened;
  return predicateType === signPredicate ? signature : undefined;
}

/** An attestation as cosign 3 keeps it; undefined for a bundle that is a signature. */
export function readAttestationBundle(
  bytes: Uint8Array,
  annotations: Texts,
): Attestation | Unreadable | undefined {
  const opened = openBundle(bytes, annotations);
  return opened && !("problem" in opened) && opened.predicateType === signPredicate ? undefined : opened;
}

/** An attestation as cosign 2 keeps it: a layer of a manifest of envelopes. */
export function readEnvelope(bytes: Uint8Array, annotations: Texts = {}): Attestation | Unreadable {
  const parsed = envelope.safeParse(parse(bytes));
  if (!parsed.success) return unreadable("the envelope", parsed.error);
  if (parsed.data.payloadType !== types.statement)
    return { problem: `the envelope has a '${parsed.data.payloadType}'` };
  const opened = open(parsed.data, "the envelope");
  if ("problem" in opened) return opened;
  return {
    ...opened,
    format: "envelope",
    keyless: Boolean(annotations[certificateAnnotation]),
    artifact: envelopeArtifact(bytes, opened.predicateType),
  };
}

/** Throws `invalid` / `signature.malformed` for what is no statement about `digest`. */
export function envelopeOf(digest: string, bytes: Uint8Array): Artifact {
  return artifactFor(digest, readEnvelope(bytes));
}

/** Throws `invalid` / `signature.malformed` for what is no bundle about `digest`. */
export function bundleOf(digest: string, bytes: Uint8Array): Artifact {
  return artifactFor(digest, openBundle(bytes));
}

function artifactFor(digest: string, read: Signature | Unreadable | undefined): Artifact {
  if (read && "artifact" in read && read.claim.digests.includes(digest)) return read.artifact;
  const why = read && "problem" in read ? read.problem : `the statement is not about ${digest}`;
  throw fail("invalid", "signature.malformed", why);
}

function openBundle(bytes: Uint8Array, annotations?: Texts): Attestation | Unreadable | undefined {
  const parsed = bundle.safeParse(parse(bytes));
  if (!parsed.success) return unreadable("the bundle", parsed.error);
  const { dsseEnvelope, verificationMaterial: material, mediaType } = parsed.data;
  if (mediaType !== types.bundle) return { problem: `the bundle is a '${mediaType}'` };
  if (!dsseEnvelope || dsseEnvelope.payloadType !== types.statement) return undefined;
  const opened = open(dsseEnvelope, "the statement of the bundle");
  if ("problem" in opened) return opened;
  const hint = material.publicKey?.hint;
  return {
    ...opened,
    format: "bundle",
    ...(hint ? { hint } : {}),
    keyless: material.publicKey === undefined || material.publicKey === null,
    artifact: {
      artifactType: types.bundle,
      annotations: annotations ?? bundleAnnotations(opened.predicateType),
      layers: [{ mediaType: types.bundle, bytes }],
    },
  };
}

function open({ payloadType, payload, signatures }: z.infer<typeof envelope>, what: string) {
  const bytes = Buffer.from(payload, "base64");
  const told = statement.safeParse(parse(bytes));
  if (!told.success) return unreadable(what, told.error);
  const { predicateType, predicate, subject } = told.data;
  return {
    message: preAuthenticationEncoding(payloadType, bytes),
    signature: Buffer.from(signatures[0]!.sig, "base64"),
    predicateType,
    predicate,
    claim: {
      digests: subject.flatMap(({ digest }) =>
        Object.entries(digest).map(([algorithm, hex]) => `${algorithm}:${hex}`),
      ),
      annotations: Object.assign({}, ...subject.map((one) => texts(one.annotations))) as Texts,
    },
  } satisfies Opened;
}

function bundleAnnotations(predicateType: string): Texts {
  return {
    "dev.sigstore.bundle.content": "dsse-envelope",
    "dev.sigstore.bundle.predicateType": predicateType,
  };
}

function envelopeArtifact(bytes: Uint8Array, predicateType: string): Artifact {
  const annotations = { [signatureAnnotation]: "", predicateType };
  return {
    artifactType: types.attestations,
    layers: [{ mediaType: types.envelope, bytes, annotations }],
  };
}
