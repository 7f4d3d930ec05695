import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { FakeRegistry } from "../distribution/testing.ts";
import { signatureAnnotation, types } from "./formats.ts";
import { encodeClaim, preAuthenticationEncoding, signWith } from "./keys/index.ts";

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
}

export function testKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, pem: publicKey.export({ format: "pem", type: "spki" }) };
}

/** A layer as cosign 2 and podman write it, with its payload. */
export function simpleLayer(
  key: TestKey,
  claim: {
    readonly identity: string;
    readonly digest: string;
    readonly annotations?: Record<string, string>;
  },
) {
  const payload = Buffer.from(encodeClaim({ annotations: {}, ...claim }));
  const signature = Buffer.from(signWith(key.privateKey, payload)).toString("base64");
  return { payload, annotations: { [signatureAnnotation]: signature } };
}

/** A bundle as cosign 3 writes it. */
export function bundleOf(
  key: TestKey,
  digest: string,
  predicateType = "https://sigstore.dev/cosign/sign/v1",
): Buffer {
  const [algorithm = "", hex = ""] = digest.split(":");
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { [algorithm]: hex }, annotations: { env: "prod" } }],
    predicateType,
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = signWith(key.privateKey, preAuthenticationEncoding(types.statement, payload));
  const dsseEnvelope = {
    payload: payload.toString("base64"),
    payloadType: types.statement,
    signatures: [{ sig: Buffer.from(sig).toString("base64") }],
  };
  const verificationMaterial = { publicKey: { hint: "a hint" } };
  return Buffer.from(JSON.stringify({ mediaType: types.bundle, verificationMaterial, dsseEnvelope }));
}

type Layers = readonly { readonly payload: Uint8Array; readonly annotations: Record<string, string> }[];

/** Puts simple signatures under the tag that cosign gives them. */
export function addSignatureTag(
  fake: FakeRegistry,
  repository: string,
  digest: string,
  layers: Layers,
): void {
  const config = fake.addBlob(Buffer.from("{}"));
  fake.addManifest(repository, `${digest.replace(":", "-")}.sig`, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: layers.map(({ payload, annotations }) => ({
      mediaType: types.simple,
      ...fake.addBlob(payload),
      annotations,
    })),
  });
}

/** Puts a bundle as a referrer, listed by the fallback tag as cosign 3 lists it. */
export function addBundle(fake: FakeRegistry, repository: string, digest: string, bundle: Uint8Array): void {
  const empty = fake.addBlob(Buffer.from("{}"));
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: types.bundle,
    config: { mediaType: "application/vnd.oci.empty.v1+json", ...empty },
    layers: [{ mediaType: types.bundle, ...fake.addBlob(bundle) }],
    subject: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 },
  };
  const referrer = fake.addManifest(repository, undefined, manifest);
  const listed = {
    mediaType: manifest.mediaType,
    digest: referrer,
    size: Buffer.byteLength(JSON.stringify(manifest)),
    artifactType: "application/vnd.oci.empty.v1+json",
  };
  const index = "application/vnd.oci.image.index.v1+json";
  const document = { schemaVersion: 2, mediaType: index, manifests: [listed] };
  fake.addManifest(repository, digest.replace(":", "-"), document, index);
}
