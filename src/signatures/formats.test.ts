import { describe, expect, test } from "bun:test";
import { readSimple, signatureAnnotation, signatureArtifact, types as signatureTypes } from "./formats.ts";
import { checkAttestations } from "./check.ts";
import { attestationKind } from "./kind.ts";
import {
  bundleOf as readBundleFor,
  envelopeOf,
  readAttestationBundle,
  readBundle,
  readEnvelope,
} from "./statement.ts";
import { readPublicKey } from "./keys/index.ts";
import { judge, type Signature, type Unreadable } from "./signature.ts";
import { bundleOf, simpleLayer, testKey } from "./testing.ts";

const digest = "sha256:edf87edeeb1a8d1b9921e93a4301b1ae9e34da137ad340c072a3ec8d58894e76";

function signature(found: Signature | Unreadable | undefined): Signature {
  if (!found || "problem" in found) throw new Error(found?.problem ?? "nothing");
  return found;
}

/** As cosign 3.1.1 has written it. */
const cosignBundle = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"Ce2IKbTYbYTFxSWAE9juVxORCkFfJ21DP3QQfhfcS7g="}},"dsseEnvelope":{"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJkaWdlc3QiOnsic2hhMjU2IjoiZWRmODdlZGVlYjFhOGQxYjk5MjFlOTNhNDMwMWIxYWU5ZTM0ZGExMzdhZDM0MGMwNzJhM2VjOGQ1ODg5NGU3NiJ9LCJhbm5vdGF0aW9ucyI6eyJlbnYiOiJwcm9kIn19XSwicHJlZGljYXRlVHlwZSI6Imh0dHBzOi8vc2lnc3RvcmUuZGV2L2Nvc2lnbi9zaWduL3YxIiwicHJlZGljYXRlIjp7fX0=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"MEYCIQCnU0YDdTmm2sxG5MWPW/exPVXGGeKIsCOTJ4yO1jXuJwIhAIZ0dajAb3PB26gJH2Vy6cEOYhZYSsV0BK1nIbwXq3hJ"}]}}`;
const cosignPublic = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyjMS8A7JLyrND3Sp1zQtq+5yhFEh
H//XC2ReLM+9G8lqSy7Z+fSaltOVQWuHXh+Z+sqSZafKi4+IvXouk+R0Sg==
-----END PUBLIC KEY-----
`;

describe("bundles", () => {
  test("of cosign 3", () => {
    const found = signature(readBundle(Buffer.from(cosignBundle), {}));
    expect(found).toMatchObject({ format: "bundle", keyless: false });
    expect(found.claim).toEqual({ digests: [digest], annotations: { env: "prod" } });
    expect(judge(found, [readPublicKey(cosignPublic)], [digest])).toMatchObject({ good: true });
    expect(judge(found, [readPublicKey(testKey().pem)], [digest])).toMatchObject({
      reason: "it was made with another key",
    });
    expect(judge(found, [readPublicKey(cosignPublic)], [`sha256:${"0".repeat(64)}`])).toMatchObject({
      reason: `it is for another image: ${digest}`,
    });
  });

  test("an attestation is no signature of the image", () => {
    expect(readBundle(bundleOf(testKey(), digest, "https://spdx.dev/Document"), {})).toBeUndefined();
  });

  test("one with a certificate is keyless; one that is broken says where", () => {
    const json = JSON.parse(cosignBundle) as { verificationMaterial: object };
    const keyless = { ...json, verificationMaterial: { certificate: { rawBytes: "AAAA" } } };
    const found = signature(readBundle(Buffer.from(JSON.stringify(keyless)), {}));
    expect(judge(found, [readPublicKey(cosignPublic)], [digest])).toMatchObject({
      reason: "it was made without a key (keyless), which is not supported",
    });
    expect(readBundle(Buffer.from("{}"), {})).toMatchObject({
      problem: expect.stringContaining("mediaType"),
    });
  });
});

describe("attestations", () => {
  const key = testKey();
  const spdx = "https://spdx.dev/Document";
  const bundle = bundleOf(key, digest, spdx);
  const envelope = Buffer.from(
    JSON.stringify((JSON.parse(bundle.toString()) as { dsseEnvelope: object }).dsseEnvelope),
  );
  const subject = { digest, found: [readEnvelope(envelope), readAttestationBundle(bundle, {})!] } as const;
  const found = { name: undefined, subjects: [subject] };

  test("in an envelope and in a bundle, by the key and the type that are asked for", () => {
    const wanted = { keys: [key.pem], predicateType: spdx };
    const one = { digest, predicateType: spdx, predicate: {}, good: true };
    // The same statement with the same signature counts once.
    expect(checkAttestations(found, wanted)).toMatchObject([{ ...one, format: "envelope" }]);
    expect(checkAttestations(found, { ...wanted, predicateType: "https://openvex.dev/ns" })).toEqual([]);
    expect(checkAttestations(found, { keys: [testKey().pem] })).toMatchObject([
      { good: false, reason: "it was made with another key" },
    ]);
    const other = `sha256:${"0".repeat(64)}` as const;
    const elsewhere = { name: undefined, subjects: [{ ...subject, digest: other }] };
    expect(checkAttestations(elsewhere, wanted)).toMatchObject([
      { good: false, reason: `it is for another image: ${digest}` },
    ]);
    expect(checkAttestations(found, {})).toMatchObject([{ predicateType: spdx }]);
  });

  test("a signature is none, and what is broken is told", () => {
    expect(attestationKind.read(signatureTypes.bundle, Buffer.from(cosignBundle), {}, {})).toBeUndefined();
    expect(readEnvelope(Buffer.from("{}"))).toMatchObject({
      problem: expect.stringContaining("payloadType"),
    });
    const broken = { name: undefined, subjects: [{ digest, found: [{ problem: "broken" }] }] } as const;
    expect(checkAttestations(broken, { keys: [key.pem] })).toEqual([
      { digest, format: "unreadable", reason: "broken", good: false },
    ]);
  });

  test("only what is about the digest is stored", () => {
    expect(envelopeOf(digest, envelope)).toMatchObject({ artifactType: signatureTypes.attestations });
    expect(readBundleFor(digest, bundle)).toMatchObject({
      artifactType: signatureTypes.bundle,
      annotations: { "dev.sigstore.bundle.predicateType": spdx },
    });
    const other = `sha256:${"0".repeat(64)}`;
    expect(() => envelopeOf(other, envelope)).toThrow(`not about ${other}`);
    expect(() => readBundleFor(other, bundle)).toThrow(`not about ${other}`);
    expect(() => readBundleFor(digest, Buffer.from("{}"))).toThrow("the bundle is malformed");
  });
});

describe("simple signing", () => {
  const key = testKey();
  const { payload, annotations } = simpleLayer(key, {
    identity: "r.example/a:1",
    digest,
    annotations: { a: "b" },
  });

  test("the payload is cosign's, byte for byte", () => {
    expect(payload.toString()).toBe(
      '{"critical":{"identity":{"docker-reference":"r.example/a:1"},"image":{"docker-manifest-digest":' +
        `"${digest}"},"type":"cosign container image signature"},"optional":{"a":"b"}}`,
    );
  });

  test("read, judged, and taken for what it is", () => {
    const found = signature(readSimple(payload, annotations));
    expect(found.claim).toEqual({ identity: "r.example/a:1", digests: [digest], annotations: { a: "b" } });
    expect(judge(found, [readPublicKey(key.pem)], [digest])).toMatchObject({ good: true });
    const changed = Buffer.from(payload.toString().replace("r.example/a", "r.example/b"));
    expect(
      judge(signature(readSimple(changed, annotations)), [readPublicKey(key.pem)], [digest]),
    ).toMatchObject({
      good: false,
    });
    const certificate = { ...annotations, "dev.sigstore.cosign/certificate": "PEM" };
    expect(signature(readSimple(payload, certificate)).keyless).toBe(true);
  });

  test.each([
    ["no JSON", "hello"],
    ["another type", payload.toString().replace("cosign container image", "atomic container")],
    ["more than is known", payload.toString().replace('"critical":{', '"critical":{"more":1,')],
  ])("%s is unreadable", (_what, text) => {
    expect(readSimple(Buffer.from(text), annotations)).toHaveProperty("problem");
  });

  test("only a signature of the digest is stored", () => {
    const text = annotations[signatureAnnotation];
    expect(signatureArtifact(digest, payload, text).layers).toHaveLength(1);
    expect(() => signatureArtifact(`sha256:${"0".repeat(64)}`, payload, text)).toThrow(
      "is not for sha256:0000",
    );
    expect(() => signatureArtifact(digest, Buffer.from("x"), text)).toThrow("malformed");
  });
});
