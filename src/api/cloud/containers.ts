import type { Hono } from "hono";
import { isVirgaError } from "../../base/index.ts";
import type { Containers } from "../../containers/index.ts";
import type { WireStopResult } from "../client/index.ts";
import { body } from "./request.ts";
import { stopBody } from "./schemas.ts";

export interface ContainersBackend {
  readonly containers: Pick<Containers, "stop">;
}

export function containerRoutes(app: Hono, { containers }: ContainersBackend): void {
  app.post("/v1/containers/:id/stop", async (context) => {
    const options = await body(context, stopBody);
    return context.json(await stop(containers, context.req.param("id"), options));
  });
}

async function stop(
  containers: ContainersBackend["containers"],
  id: string,
  options: { readonly timeout?: number; readonly signal?: string },
): Promise<WireStopResult> {
  try {
    return { alreadyStopped: false, ...(await containers.stop(id, options)) };
  } catch (error) {
    if (isVirgaError(error, "not-modified")) return { alreadyStopped: true };
    throw error;
  }
}
