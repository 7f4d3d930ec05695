import type { Hono } from "hono";
import { isVirgaError } from "../../base/index.ts";
import type { Containers } from "../../containers/index.ts";
import type { WireRecreated, WireStopResult } from "../client/index.ts";
import { recreateBody } from "./change-schema.ts";
import { body } from "./request.ts";
import { stopBody } from "./schemas.ts";

export interface ContainersBackend {
  readonly containers: Pick<Containers, "get" | "stop" | "planChange" | "recreate">;
}

export function containerRoutes(app: Hono, { containers }: ContainersBackend): void {
  app.post("/v1/containers/:id/stop", async (context) => {
    const options = await body(context, stopBody);
    return context.json(await stop(containers, context.req.param("id"), options));
  });
  app.post("/v1/containers/:id/recreate", async (context) => {
    const { plan = false, change, timeout } = await body(context, recreateBody);
    const { id, name } = containers.get(context.req.param("id"));
    const options = timeout === undefined ? {} : { timeout };
    const done = await (plan
      ? containers.planChange(id, change, options)
      : containers.recreate(id, change, options));
    return context.json({ id, name, planned: plan, ...done } satisfies WireRecreated);
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
