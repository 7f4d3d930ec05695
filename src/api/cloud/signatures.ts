import type { Hono } from "hono";
import { z } from "zod";
import { credentialsByServer } from "../../distribution/index.ts";
import { parseDigest } from "../../images/index.ts";
import {
  attestationKind,
  bundleOf,
  checkAttestations,
  checkSignatures,
  envelopeOf,
  signatureArtifact,
  signatureKind,
  type Asked,
  type Signatures,
} from "../../signatures/index.ts";
import type {
  WireAttestation,
  WirePolicy,
  WirePolicyTest,
  WireSignature,
  WireSignatureTarget,
} from "../client/index.ts";
import { body } from "./request.ts";

export interface SignaturesBackend {
  readonly signatures: Signatures;
}

const asked = {
  image: z.string().min(1),
  where: z.enum(["here", "registry"]),
  registryAuth: z.record(z.string(), z.record(z.string(), z.unknown())).exactOptional(),
};
const digest = z.string();
/** What is attested may be a list of all parts of an image. */
const largestDocument = 32 << 20;
const base64 = z.base64().max(largestDocument);
const signed = z.union([
  z.strictObject({ digest, payload: base64, signature: base64 }),
  z.strictObject({ digest, envelope: base64 }),
  z.strictObject({ digest, bundle: base64 }),
]);
const askedBody = z.strictObject(asked);
const targetsBody = z.strictObject({ ...asked, recursive: z.boolean().exactOptional() });
const attachBody = z.strictObject({ ...asked, documents: z.array(signed).min(1).max(1000) });
const listBody = z.strictObject({
  ...asked,
  wanted: z
    .strictObject({
      keys: z.array(z.string()).min(1).max(100),
      annotations: z.record(z.string(), z.string()),
      identity: z.string().min(1).exactOptional(),
    })
    .exactOptional(),
});
const attestationsBody = z.strictObject({
  ...asked,
  wanted: z.strictObject({
    keys: z.array(z.string()).min(1).max(100).exactOptional(),
    predicateType: z.string().min(1).exactOptional(),
  }),
});
const checkBody = z.strictObject({ path: z.string().min(1), content: z.string() });

export function signatureRoutes(app: Hono, { signatures }: SignaturesBackend): void {
  const { policies } = signatures;
  app.post("/v1/signatures/targets", async (context) => {
    const given = await body(context, targetsBody);
    const targets = await signatures.targets(askedOf(given, context.req.raw.signal));
    return context.json(
      targets.map(({ digest, mediaType, size, identity }): WireSignatureTarget => {
        return { digest, mediaType, size, ...(identity === undefined ? {} : { identity }) };
      }),
    );
  });
  app.post("/v1/signatures/attach", async (context) => {
    const { documents, ...given } = await body(context, attachBody, 2 * largestDocument);
    const artifacts = documents.map((one) => ({
      digest: parseDigest(one.digest),
      artifact: artifactOf(one),
    }));
    await signatures.attach(askedOf(given, context.req.raw.signal), artifacts);
    return context.json({}, 201);
  });
  app.post("/v1/signatures/list", async (context) => {
    const { wanted, ...given } = await body(context, listBody);
    const found = await signatures.find(askedOf(given, context.req.raw.signal), signatureKind);
    return context.json(checkSignatures(found, wanted) satisfies WireSignature[]);
  });
  app.post("/v1/signatures/attestations", async (context) => {
    const { wanted, ...given } = await body(context, attestationsBody);
    const found = await signatures.find(askedOf(given, context.req.raw.signal), attestationKind);
    return context.json(checkAttestations(found, wanted) satisfies WireAttestation[]);
  });
  app.get("/v1/policy", (context) => context.json(policies.report() satisfies WirePolicy));
  app.post("/v1/policy/check", async (context) => {
    const { path, content } = await body(context, checkBody);
    return context.json(policies.check(path, content) satisfies WirePolicy);
  });
  app.post("/v1/policy/test", async (context) => {
    const given = await body(context, askedBody);
    const result = await policies.test(askedOf(given, context.req.raw.signal));
    return context.json(result satisfies WirePolicyTest);
  });
}

function askedOf({ registryAuth = {}, ...rest }: z.infer<typeof targetsBody>, signal: AbortSignal): Asked {
  return { ...rest, credentials: credentialsByServer(registryAuth), signal };
}

function artifactOf(one: z.infer<typeof signed>) {
  if ("envelope" in one) return envelopeOf(one.digest, Buffer.from(one.envelope, "base64"));
  if ("bundle" in one) return bundleOf(one.digest, Buffer.from(one.bundle, "base64"));
  return signatureArtifact(one.digest, Buffer.from(one.payload, "base64"), one.signature);
}
