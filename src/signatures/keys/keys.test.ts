import { generateKeyPairSync } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { isVirgaError } from "../../base/index.ts";
import {
  generateKeyPair,
  importKeyPair,
  isSealed,
  openPrivateKey,
  publicHalf,
  readPublicKey,
  signWith,
} from "./index.ts";

// scrypt is made to be slow, and slower on a busy machine.
setDefaultTimeout(60_000);

const message = Buffer.from("what is signed");

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return isVirgaError(error) ? error.code : String(error);
  }
  return "no error";
}

/** Made by cosign 2.5.0 (`cosign generate-key-pair`) with the password `secret`. */
const cosignKey = `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJnYmFtSk1teVRkeWRBYjJjY2k1b1c0LzBGN0ttd0Uw
dUViU2Nta1p4eC9JPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiI0REhVeTJpMFBEdXhpS3Qvakd1Q2lvM3o1K3hvdEtuVyJ9LCJj
aXBoZXJ0ZXh0IjoiYXV3Zm91Z3BoTlI2bVlvckpJMXBDL1VlT1p3ZVo2b1ZldE0z
MERKaEorSisxUWZXa0dMNDFWOHRkSE83R0ZlaHFTTk1FdXI2S2hieUtHbTRrRjdt
dTFDNFFKK1RUNnZJUUd1aFRRZ00wK0JualQ3NnlodkJqUWFUNlFLUUwxVmlHRHdj
ekdsUjBNM2FtR1JYb3E5MnUxMVNlUHJaWHVqWE03S0tBUmh4TEFaRkI0WHJYdDlE
VmdxNFhoVlBPanlteUtObFdCY1lna3RpSFE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`;
const cosignPublic = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3+Zc6IZ1GJjvAdr8AQYUhI7Js+aM
44ywJx19XaglFqMitra0DrQBbB078u1yZlb49UiJ59+BBq7sGnnyed2ETg==
-----END PUBLIC KEY-----
`;

describe("private keys", () => {
  test("cosign's are opened with their password only", () => {
    expect(publicHalf(openPrivateKey(cosignKey, "secret"))).toBe(cosignPublic);
    expect(codeOf(() => openPrivateKey(cosignKey, "Secret"))).toBe("key.password-wrong");
  });

  test("ours are made as cosign's", () => {
    const pair = generateKeyPair("a word");
    expect(pair.privatePem).toStartWith("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
    expect(isSealed(pair.privatePem)).toBe(true);
    const key = openPrivateKey(pair.privatePem, "a word");
    expect(publicHalf(key)).toBe(pair.publicPem);
    expect(readPublicKey(pair.publicPem)).toMatchObject({ kind: "ecdsa P-256" });
    expect(readPublicKey(pair.publicPem).verify(message, signWith(key, message))).toBe(true);
    expect(pair.privatePem.split("\n").every((line) => line.length <= 64)).toBe(true);
  });

  test("those of other programs are taken plain, and sealed", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ format: "pem", type: "pkcs8" });
    expect(isSealed(pem)).toBe(false);
    const pair = importKeyPair(pem, "");
    expect(readPublicKey(pair.publicPem).kind).toBe("ed25519");
    expect(publicHalf(openPrivateKey(pair.privatePem, ""))).toBe(pair.publicPem);
  });

  test.each([
    ["nothing", ""],
    ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    [
      "no JSON",
      "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
    ],
  ])("%s is refused", (_what, pem) => {
    expect(codeOf(() => openPrivateKey(pem, ""))).toBe("key.malformed");
  });

  test("a key that would cost gigabytes is refused before it does", () => {
    const document = JSON.parse(
      Buffer.from(cosignKey.split("\n").slice(1, -2).join(""), "base64").toString(),
    ) as { kdf: { params: { N: number } } };
    document.kdf.params.N = 1 << 20;
    const body = Buffer.from(JSON.stringify(document)).toString("base64");
    const label = "ENCRYPTED SIGSTORE PRIVATE KEY";
    const pem = `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
    expect(codeOf(() => openPrivateKey(pem, "secret"))).toBe("key.malformed");
  });
});

describe("public keys", () => {
  test.each([
    ["ecdsa P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["rsa 2048", () => generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["ed25519", () => generateKeyPairSync("ed25519")],
  ])("%s", (kind, make) => {
    const { privateKey, publicKey } = make();
    const key = readPublicKey(publicKey.export({ format: "pem", type: "spki" }));
    expect(key.kind).toBe(kind);
    const signature = signWith(privateKey, message);
    expect(key.verify(message, signature)).toBe(true);
    expect(key.verify(Buffer.from("something else"), signature)).toBe(false);
    expect(key.verify(message, Buffer.from("no signature"))).toBe(false);
  });

  test("what is none is refused by what it is", () => {
    const pair = generateKeyPair("x");
    expect(codeOf(() => readPublicKey("hello"))).toBe("key.malformed");
    expect(codeOf(() => readPublicKey(pair.privatePem))).toBe("key.malformed");
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
    expect(codeOf(() => readPublicKey(weak.export({ format: "pem", type: "spki" })))).toBe("key.too-short");
    const other = generateKeyPairSync("x25519").publicKey;
    expect(codeOf(() => readPublicKey(other.export({ format: "pem", type: "spki" })))).toBe("key.kind");
  });
});
