import type { Digest } from "../content/index.ts";
import type { Artifact } from "../images/index.ts";
import type { PublicKey } from "./keys/index.ts";

/**
 * A signature of an image, in one of two formats: *simple signing* (a layer whose annotation is the signature: cosign 2,
 * podman, skopeo and Virga) and *bundle* (a DSSE envelope in a Sigstore bundle: cosign 3). It is kept in a registry under the
 * tag `sha256-….sig`, as a referrer, or both; here it is a referrer of the image.
 *
 * Its life: `sign` makes it over a digest and a name → a push sends it after the image → a pull finds it, and a policy or a
 * person checks it: the key, the digest, the name.
 */
export interface Signature {
  readonly format: "simple" | "envelope" | "bundle";
  /** The bytes that are signed, and the signature. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly claim: SignatureClaim;
  /** What the signer says of the key; says nothing by itself. */
  readonly hint?: string;
  /** Made with a certificate instead of a key. */
  readonly keyless: boolean;
  /** How it is stored as a referrer. */
  readonly artifact: Artifact;
}

/** A signed statement about an image: a list of its parts, a provenance. Kept as signatures are, under `sha256-….att`. */
export interface Attestation extends Signature {
  /** A URI. */
  readonly predicateType: string;
  readonly predicate: unknown;
}

export interface SignatureClaim {
  readonly digests: readonly string[];
  /** `registry.example/team/app:1`, or without a tag; a bundle names nothing. */
  readonly identity?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Something that stands where signatures do and is none that can be understood. */
export interface Unreadable {
  readonly problem: string;
}

/** What one signature is worth: whose it is, or why it is nothing. */
export type Verdict =
  | { readonly good: true; readonly key: PublicKey }
  | { readonly good: false; readonly reason: string };

/** Whether one of `keys` has made the signature, for one of `digests`. Who it names is for the caller to look at. */
export function judge(signature: Signature, keys: readonly PublicKey[], digests: readonly Digest[]): Verdict {
  const no = (reason: string) => ({ good: false, reason }) as const;
  if (signature.keyless) return no("it was made without a key (keyless), which is not supported");
  const key = keys.find((one) => one.verify(signature.message, signature.signature));
  if (!key) return no("it was made with another key");
  if (!signature.claim.digests.some((one) => (digests as readonly string[]).includes(one))) {
    return no(`it is for another image: ${signature.claim.digests.join(", ")}`);
  }
  return { good: true, key };
}
