import { fail, shortId } from "../../../base/index.ts";
import type { BuildEvent } from "../../../builds/index.ts";
import { credentialsFromConfigHeader } from "../../../distribution/index.ts";
import { familiar, normalise } from "../../../images/index.ts";
import { byteBody } from "../http/body.ts";
import { createRouter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { readFilters } from "../http/filters.ts";
import { flag } from "../http/query.ts";
import { reporting } from "../http/reporting.ts";
import { jsonLine, streamedFromFirst } from "../http/streams.ts";
import { holds, quirks } from "../quirks.ts";
import type { BuildBackend } from "./backend.ts";
import { classicOrder } from "./classic-order.ts";
import { bytesToKeep, cacheFilters, cacheSelector } from "./cache.ts";
import { decodeBuild } from "./request.ts";

export function buildRoutes(backend: BuildBackend): ApiRouter {
  const routes = createRouter();

  routes.post("/build", (c) => build(backend, c));
  routes.post("/build/prune", async (c) => {
    const select = cacheSelector(readFilters(c, cacheFilters), backend.clock.now());
    const keep = bytesToKeep(c);
    const options = { all: flag(c, "all"), mounts: true, select, ...(keep === undefined ? {} : { keep }) };
    const { removed, freed } = await backend.builds.pruneCache(options);
    // What clients have sent is no more than a shortcut: to keep some bytes of results is to keep none of it.
    const sent = await backend.buildkit.pruneFolders(select);
    const deleted = [...removed, ...sent.removed];
    return c.json({
      CachesDeleted: deleted.length > 0 ? deleted : null,
      SpaceReclaimed: freed + sent.freed,
    });
  });
  routes.post("/build/cancel", () => {
    throw fail("unimplemented", "build.cancel", "cancelling a build by its id is not supported", {
      hint: "end the client: the build stops when its connection ends",
    });
  });
  for (const path of ["/session", "/grpc"]) {
    routes.post(path, () => {
      throw fail("invalid", "api.bad-upgrade", "no upgrade proto in request", {
        hint: "ask for `Upgrade: h2c`",
      });
    });
  }
  return routes;
}

/** Docker's classic builder: lines of JSON, whose `stream` texts the client prints as they are. */
function build(backend: BuildBackend, c: ApiContext): Promise<Response> {
  const request = decodeBuild(c, byteBody(c));
  const tags = (request.tags ?? []).map(normalise);
  const quiet = flag(c, "q");
  const tellsResult = holds(quirks.buildResults, c.get("version"));
  const credentials = credentialsFromConfigHeader(c.req.header("x-registry-config"));
  return streamedFromFirst(c, "application/json", async function* (signal) {
    const result = yield* reporting(
      (report: (event: BuildEvent) => void) =>
        backend.builds.build(request, { onEvent: report, signal, credentials }),
      quiet ? () => undefined : classicOrder(),
    );
    if (result === undefined) return;
    if (tellsResult) yield jsonLine({ aux: { ID: result.imageId } });
    if (quiet) {
      yield jsonLine({ stream: `${result.imageId}\n` });
      return;
    }
    for (const warning of result.warnings) yield jsonLine({ stream: `[Warning] ${warning}\n` });
    yield jsonLine({ stream: `Successfully built ${shortId(result.imageId)}\n` });
    for (const tag of tags) yield jsonLine({ stream: `Successfully tagged ${familiar(tag)}\n` });
  });
}
