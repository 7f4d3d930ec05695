import type { Hono } from "hono";
import type { Upkeep } from "../../upkeep/index.ts";
import type { WirePruneReport } from "../client/index.ts";
import { body } from "./request.ts";
import { pruneBody } from "./schemas.ts";

export interface PruneBackend {
  readonly upkeep: Upkeep;
}

export function pruneRoutes(app: Hono, { upkeep }: PruneBackend): void {
  app.post("/v1/prune", async (context) => {
    const { plan = false, until, ...rest } = await body(context, pruneBody);
    const options = { ...rest, ...(until === undefined ? {} : { until: new Date(until) }) };
    const report = await (plan ? upkeep.planPrune(options) : upkeep.prune(options));
    return context.json({ ...report, planned: plan } satisfies WirePruneReport);
  });
}
