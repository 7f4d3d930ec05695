import type { Hono } from "hono";
import type { Builds } from "../../builds/index.ts";
import { credentialsByServer } from "../../distribution/index.ts";
import { body } from "./request.ts";
import { provenanceBody, sbomBody } from "./schemas.ts";

export interface AttestationsBackend {
  readonly builds: Pick<Builds, "attestations">;
}

/** What is said of images: documents in formats of others, as they are. */
export function attestationRoutes(app: Hono, { builds: { attestations } }: AttestationsBackend): void {
  app.post("/v1/images/sbom", async (context) => {
    const { image, format = "spdx" } = await body(context, sbomBody);
    return context.json(await attestations.sbom(image, format));
  });
  app.post("/v1/images/provenance", async (context) => {
    const { image, registryAuth = {} } = await body(context, provenanceBody);
    const asking = { credentials: credentialsByServer(registryAuth), signal: context.req.raw.signal };
    return context.json(await attestations.provenance(image, asking));
  });
}
