import { fail } from "../../../base/index.ts";
import type { WaitCondition } from "../../../containers/index.ts";
import { createRouter, pathParameter, type ApiRouter } from "../http/context.ts";
import { text } from "../http/query.ts";
import { jsonLine, streamed } from "../http/streams.ts";
import { holds, quirks } from "../quirks.ts";
import type { ContainersBackend } from "./backend.ts";

const conditions: readonly string[] = ["not-running", "next-exit", "removed"];

/**
 * POST /containers/{id}/wait. The headers go out at once: `docker run` starts the container only when it has seen
 * them, so that it misses no exit.
 */
export function waitRoutes(backend: ContainersBackend): ApiRouter {
  const routes = createRouter();
  routes.post("/containers/:id/wait", async (c) => {
    const old = holds(quirks.waitWithoutCondition, c.get("version"));
    const condition = (old ? undefined : text(c, "condition")) ?? "not-running";
    if (!conditions.includes(condition)) {
      throw fail("invalid", "container.wait-condition", `invalid condition: "${condition}"`);
    }
    const stop = new AbortController();
    // Registered here, before the answer begins: what follows in the client's mind must be seen.
    const exit = backend.containers.wait(pathParameter(c, "id"), condition as WaitCondition, stop.signal);
    exit.catch(() => {});
    if (old) return c.json(encodeExit(await exit));
    return streamed(c, "application/json", async function* (signal) {
      signal.addEventListener("abort", () => stop.abort(signal.reason));
      yield jsonLine(encodeExit(await exit));
    });
  });
  return routes;
}

function encodeExit({ exitCode, error }: Awaited<ReturnType<ContainersBackend["containers"]["wait"]>>) {
  return { StatusCode: exitCode, ...(error === undefined ? {} : { Error: { Message: error } }) };
}
