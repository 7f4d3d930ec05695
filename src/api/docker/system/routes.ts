import { fail } from "../../../base/index.ts";
import { createRouter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { defined } from "../http/defined.ts";
import { readFilters } from "../http/filters.ts";
import { flag, text, instant } from "../http/query.ts";
import { streamed } from "../http/streams.ts";
import { holds, quirks } from "../quirks.ts";
import type { VirgaEvent } from "../../../events/index.ts";
import type { SystemBackend } from "./backend.ts";
import { encodeDiskUsage } from "./disk-usage.ts";
import { comesLate, eventFilters, eventLine, eventSelector, lateNs } from "./events.ts";
import { readHostFacts } from "./host.ts";
import { encodeInfo } from "./info.ts";
import { encodeVersion } from "./version.ts";

const pingHeaders = {
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
};

export function systemRoutes(backend: SystemBackend): ApiRouter {
  const routes = createRouter();

  // Hono serves HEAD from it too. Every command of the CLI begins with it, some milliseconds before what it is about.
  routes.get("/_ping", (c) => {
    setImmediate(() => void backend.warmUp()); // after the answer
    const builder = speaksOldBuildkit(agentOf(c)) ? "1" : "2";
    return c.text("OK", 200, { ...pingHeaders, "Builder-Version": builder, Swarm: "inactive" });
  });
  routes.get("/version", async (c) => c.json(await encodeVersion(backend.facts, readHostFacts())));
  routes.get("/info", async (c) => c.json(await encodeInfo(backend, readHostFacts(), c.get("version"))));
  routes.get("/system/df", async (c) => {
    const version = c.get("version");
    const types = holds(quirks.diskUsageTypes, version) ? c.req.queries("type") : undefined;
    return c.json(await encodeDiskUsage(backend, { types, verbose: flag(c, "verbose") }, version));
  });
  routes.get("/events", (c) => {
    const selects = eventSelector(readFilters(c, eventFilters));
    const [sinceNs, untilNs] = [instant(c, "since"), instant(c, "until")];
    const late = sinceNs === undefined && untilNs === undefined && comesLate(text(c, "filters"), agentOf(c));
    const now = BigInt(backend.clock.now().getTime()) * 1_000_000n;
    const version = c.get("version");
    const hidesCreate = !holds(quirks.imageCreateEvents, version);
    const accept = (event: VirgaEvent) =>
      !(hidesCreate && event.type === "image" && event.action === "create") && selects(event);
    if (sinceNs !== undefined && untilNs !== undefined && sinceNs > untilNs) {
      throw fail(
        "invalid",
        "api.bad-parameter",
        `\`since\` time (${text(c, "since")}) cannot be after \`until\` time (${text(c, "until")})`,
      );
    }
    const stop = new AbortController();
    // Subscribed before the answer begins: the client counts on what happens after it.
    const events = backend.events.subscribe(
      defined({ sinceNs: late ? now - lateNs : before(sinceNs), untilNs, accept }),
      stop.signal,
    );
    const first = events.next();
    first.catch(() => {});
    return streamed(c, "application/json", async function* (signal) {
      signal.addEventListener("abort", () => stop.abort(signal.reason));
      const { done, value } = await first;
      if (done === true) return;
      yield eventLine(value, version);
      for await (const event of events) yield eventLine(event, version);
    });
  });
  return routes;
}

/** Docker tells of what happened at that very time, too; the log, of what came after. */
function before(ns: bigint | undefined): bigint | undefined {
  return ns === undefined ? undefined : ns - 1n;
}

function agentOf(c: ApiContext): string {
  return c.req.header("user-agent") ?? "";
}

/** Docker's CLI before version 23 asks BuildKit by way of POST /build, which is the classic builder's here. */
function speaksOldBuildkit(userAgent: string): boolean {
  return Number(/^Docker-Client\/(\d+)\./.exec(userAgent)?.[1] ?? Infinity) < 23;
}
