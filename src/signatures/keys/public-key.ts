import { createHash, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { fail } from "../../base/index.ts";

/** A key that signatures are checked with. */
export interface PublicKey {
  /** `SHA256:` and the digest of the key in base64, which is what cosign calls the hint. */
  readonly fingerprint: string;
  /** `ecdsa P-256`, `rsa 4096`, `ed25519`. */
  readonly kind: string;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** Reads PEM (SPKI, PKCS#1). Throws `invalid` / `key.malformed`, `unimplemented` / `key.kind`. */
export function readPublicKey(pem: string | Uint8Array): PublicKey {
  const text = Buffer.from(pem).toString("utf8");
  if (text.includes("PRIVATE KEY")) throw malformed("it is a private key");
  if (text.includes("BEGIN CERTIFICATE")) {
    throw fail("unimplemented", "key.certificate", "certificates are not supported: give the public key");
  }
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw malformed("it is no key in PEM");
  }
  const kind = kindOf(key);
  const der = key.export({ format: "der", type: "spki" });
  const hash = key.asymmetricKeyType === "ed25519" ? undefined : "sha256";
  return {
    fingerprint: `SHA256:${createHash("sha256").update(der).digest("base64")}`,
    kind,
    verify(message, signature) {
      try {
        return verify(hash, message, key, signature);
      } catch {
        return false;
      }
    },
  };
}

/** ECDSA over SHA-256 in ASN.1, RSA PKCS#1 v1.5 over SHA-256, or Ed25519: what cosign makes of the kind of key. */
export function signWith(key: KeyObject, message: Uint8Array): Uint8Array {
  kindOf(key);
  return sign(key.asymmetricKeyType === "ed25519" ? undefined : "sha256", message, key);
}

const minimumRsaBits = 2048;

function kindOf(key: KeyObject): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  const curves: Record<string, string> = {
    prime256v1: "P-256",
    secp384r1: "P-384",
    secp521r1: "P-521",
    "P-256": "P-256",
    "P-384": "P-384",
    "P-521": "P-521",
  };
  if (type === "ec" && curves[details.namedCurve ?? ""] !== undefined) {
    return `ecdsa ${curves[details.namedCurve!]}`;
  }
  if (type === "ed25519") return "ed25519";
  if (type === "rsa") {
    const bits = details.modulusLength ?? 0;
    if (bits >= minimumRsaBits) return `rsa ${bits}`;
    throw fail(
      "invalid",
      "key.too-short",
      `an RSA key of ${bits} bits is too short: ${minimumRsaBits} at least`,
    );
  }
  throw fail("unimplemented", "key.kind", `keys of the kind '${type ?? "unknown"}' are not supported`, {
    hint: "ECDSA on P-256, P-384 or P-521, RSA and Ed25519 are",
  });
}

function malformed(why: string): Error {
  return fail("invalid", "key.malformed", `the public key can't be read: ${why}`, {
    hint: "it looks like -----BEGIN PUBLIC KEY-----, and is in the .pub file of a key pair",
  });
}
