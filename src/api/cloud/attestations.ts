import type { Hono } from "hono";
import type { Builds } from "../../builds/index.ts";
import { body } from "./request.ts";
import { imageBody, sbomBody } from "./schemas.ts";

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
    const { image } = await body(context, imageBody);
    return context.json(await attestations.provenance(image));
  });
}
