import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  scryptSync,
  type KeyObject,
} from "node:crypto";
import nacl from "tweetnacl";
import { z } from "zod";
import { fail } from "../../base/index.ts";

/**
 * Key pairs as cosign keeps them: ECDSA on P-256. The private half is PKCS#8, sealed with NaCl's secretbox under a key that
 * scrypt makes of the password, as JSON in PEM; the public half is plain PEM.
 */
export interface KeyPair {
  readonly privatePem: string;
  readonly publicPem: string;
}

const label = "ENCRYPTED SIGSTORE PRIVATE KEY";
/** What cosign wrote before version 1.9. */
const formerLabel = "ENCRYPTED COSIGN PRIVATE KEY";
const cost = { N: 65_536, r: 8, p: 1 } as const;
const maxMemory = 256 << 20;

const sealedKey = z.object({
  kdf: z.object({
    name: z.literal("scrypt"),
    params: z.object({ N: z.int(), r: z.int(), p: z.int() }),
    salt: z.base64(),
  }),
  cipher: z.object({ name: z.literal("nacl/secretbox"), nonce: z.base64() }),
  ciphertext: z.base64(),
});

export function generateKeyPair(password: string): KeyPair {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return sealKey(privateKey, password);
}

/** Any private key in PEM (PKCS#8, PKCS#1, SEC 1), sealed. Throws `invalid` / `key.malformed`. */
export function importKeyPair(pem: string, password: string): KeyPair {
  return sealKey(plainKey(pem), password);
}

function sealKey(privateKey: KeyObject, password: string): KeyPair {
  const salt = randomBytes(32);
  const nonce = randomBytes(24);
  const plain = privateKey.export({ format: "der", type: "pkcs8" });
  const sealed = nacl.secretbox(new Uint8Array(plain), new Uint8Array(nonce), derive(password, salt, cost));
  const document = {
    kdf: { name: "scrypt", params: cost, salt: salt.toString("base64") },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(sealed).toString("base64"),
  };
  return {
    privatePem: toPem(label, Buffer.from(JSON.stringify(document))),
    publicPem: createPublicKey(privateKey).export({ format: "pem", type: "spki" }),
  };
}

/** Whether opening it takes a password. */
export function isSealed(pem: string): boolean {
  return pem.includes(`BEGIN ${label}`) || pem.includes(`BEGIN ${formerLabel}`);
}

/**
 * Reads a private key: cosign's, or a plain one in PEM. Throws `permission` / `key.password-wrong`, `invalid` /
 * `key.malformed`.
 */
export function openPrivateKey(pem: string, password: string): KeyObject {
  if (!isSealed(pem)) return plainKey(pem);
  const { kdf, cipher, ciphertext } = readSealed(pem);
  const { N, r, p } = kdf.params;
  // A key file may come from anywhere: what would take gigabytes or hours is no key of anybody's.
  const tooDear = N < 2 || N > 1 << 20 || r < 1 || r > 32 || p < 1 || p > 8 || 128 * N * r > maxMemory;
  const nonce = Buffer.from(cipher.nonce, "base64");
  if (tooDear || nonce.length !== nacl.secretbox.nonceLength)
    throw malformed("its parameters are out of range");
  const key = derive(password, Buffer.from(kdf.salt, "base64"), kdf.params);
  const sealed = new Uint8Array(Buffer.from(ciphertext, "base64"));
  const plain = nacl.secretbox.open(sealed, new Uint8Array(nonce), key);
  if (plain === null) {
    throw fail("permission", "key.password-wrong", "the password of the key is wrong", {
      hint: "it is taken from COSIGN_PASSWORD, from stdin, or asked for",
    });
  }
  try {
    return createPrivateKey({ key: Buffer.from(plain), format: "der", type: "pkcs8" });
  } catch {
    throw malformed("what is sealed in it is no PKCS#8 key");
  }
}

/** The public half of a private key, as PEM. */
export function publicHalf(key: KeyObject): string {
  return createPublicKey(key).export({ format: "pem", type: "spki" });
}

function readSealed(pem: string): z.infer<typeof sealedKey> {
  const [, body = ""] = /-----BEGIN [A-Z ]+-----\s([\s\S]*?)-----END /.exec(pem) ?? [];
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body.replaceAll(/\s/g, ""), "base64").toString("utf8"));
  } catch {
    throw malformed("what is in it is not JSON in base64");
  }
  const parsed = sealedKey.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw malformed(`${issue.path.join(".")}: ${issue.message}`);
}

function plainKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw malformed("it is neither cosign's nor a plain one in PEM");
  }
}

function derive(
  password: string,
  salt: Uint8Array,
  { N, r, p }: { N: number; r: number; p: number },
): Uint8Array {
  const options = { N, r, p, maxmem: maxMemory + (1 << 20) };
  return new Uint8Array(scryptSync(password, salt, nacl.secretbox.keyLength, options));
}

function toPem(name: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${name}-----\n${lines.join("\n")}\n-----END ${name}-----\n`;
}

function malformed(why: string): Error {
  return fail("invalid", "key.malformed", `the private key can't be read: ${why}`, {
    hint: "make one with virga key generate, or cosign generate-key-pair",
  });
}
