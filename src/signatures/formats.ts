import { createHash } from "node:crypto";
import { z } from "zod";
import { fail } from "../base/index.ts";
import type { Artifact } from "../images/index.ts";
import { claimType } from "./keys/index.ts";
import type { Signature, Unreadable } from "./signature.ts";

export const types = {
  /** A manifest whose layers are simple signatures, as a referrer. */
  signatures: "application/vnd.dev.cosign.artifact.sig.v1+json",
  simple: "application/vnd.dev.cosign.simplesigning.v1+json",
  bundle: "application/vnd.dev.sigstore.bundle.v0.3+json",
  /** DSSE envelopes under the tag `sha256-….att`. */
  attestations: "application/vnd.dev.cosign.artifact.att.v1+json",
  envelope: "application/vnd.dsse.envelope.v1+json",
  statement: "application/vnd.in-toto+json",
} as const;

export const signatureAnnotation = "dev.cosignproject.cosign/signature";
export const certificateAnnotation = "dev.sigstore.cosign/certificate";

const claim = z.object({
  critical: z.strictObject({
    identity: z.strictObject({ "docker-reference": z.string() }),
    image: z.strictObject({ "docker-manifest-digest": z.string() }),
    type: z.literal(claimType),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

/** A layer of a manifest of signatures. */
export function readSimple(
  payload: Uint8Array,
  annotations: Readonly<Record<string, string>> = {},
): Signature | Unreadable {
  const parsed = claim.safeParse(parse(payload));
  if (!parsed.success) return unreadable("the payload", parsed.error);
  const { identity, image } = parsed.data.critical;
  const text = annotations[signatureAnnotation];
  if (text === undefined) return { problem: `the layer lacks the annotation ${signatureAnnotation}` };
  return {
    format: "simple",
    message: payload,
    signature: Buffer.from(text, "base64"),
    claim: {
      identity: identity["docker-reference"],
      digests: [image["docker-manifest-digest"]],
      annotations: texts(parsed.data.optional),
    },
    keyless: annotations[certificateAnnotation] !== undefined,
    artifact: simpleArtifact(payload, text, annotations),
  };
}

/** A simple signature as a referrer of its own. */
export function simpleArtifact(
  payload: Uint8Array | string,
  signature: string,
  annotations: Readonly<Record<string, string>> = {},
): Artifact {
  const layer = { mediaType: types.simple, bytes: payload };
  return {
    artifactType: types.signatures,
    layers: [{ ...layer, annotations: { ...annotations, [signatureAnnotation]: signature } }],
  };
}

/**
 * A simple signature of `digest` as a referrer. What is none is refused now, and not by everybody who looks at it later:
 * throws `invalid` / `signature.malformed`.
 */
export function signatureArtifact(digest: string, payload: Uint8Array, signature: string): Artifact {
  const read = readSimple(payload, { [signatureAnnotation]: signature });
  if ("problem" in read) throw fail("invalid", "signature.malformed", read.problem);
  if (read.claim.digests.includes(digest)) return read.artifact;
  throw fail("invalid", "signature.malformed", `the payload is not for ${digest}`);
}

/** Signatures that are the same, wherever they were found, have the same key. */
export function keyOf(one: Signature): string {
  return createHash("sha256").update(one.message).update(one.signature).digest("hex");
}

/** What is not text is shown as JSON. */
export function texts(values: Readonly<Record<string, unknown>> | null | undefined): Record<string, string> {
  const entries = Object.entries(values ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

export function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

export function unreadable(what: string, error: z.ZodError): Unreadable {
  const issue = error.issues[0]!;
  const place = issue.path.length > 0 ? ` at ${issue.path.map(String).join(".")}` : "";
  return { problem: `${what} is malformed${place}: ${issue.message}` };
}
