import { readSimple, types } from "./formats.ts";
import { readAttestationBundle, readBundle, readEnvelope } from "./statement.ts";
import type { Attestation, Signature, Unreadable } from "./signature.ts";

/** What is looked for beside an image, and how it is recognised. */
export interface Kind<T extends Signature> {
  /** Of the tag under which cosign 2 keeps it. */
  readonly suffix: "sig" | "att";
  readonly artifactTypes: readonly string[];
  readonly layerTypes: readonly string[];
  /** A layer may be as large as this. */
  readonly maxBytes: number;
  /** A layer; undefined for something else. */
  readonly read: (
    mediaType: string,
    bytes: Uint8Array,
    annotations: Readonly<Record<string, string>>,
    ofManifest: Readonly<Record<string, string>>,
  ) => T | Unreadable | undefined;
}

export const signatureKind: Kind<Signature> = {
  suffix: "sig",
  artifactTypes: [types.signatures, types.bundle],
  layerTypes: [types.simple, types.bundle],
  maxBytes: 1 << 20,
  read(mediaType, bytes, annotations, ofManifest) {
    if (mediaType === types.simple) return readSimple(bytes, annotations);
    return mediaType === types.bundle ? readBundle(bytes, ofManifest) : undefined;
  },
};

export const attestationKind: Kind<Attestation> = {
  suffix: "att",
  artifactTypes: [types.attestations, types.bundle],
  layerTypes: [types.envelope, types.bundle],
  maxBytes: 32 << 20,
  read(mediaType, bytes, annotations, ofManifest) {
    if (mediaType === types.envelope) return readEnvelope(bytes, annotations);
    return mediaType === types.bundle ? readAttestationBundle(bytes, ofManifest) : undefined;
  },
};
