import { fail, shortId, type Progress } from "../../../base/index.ts";
import type { BuildEvent } from "../../../builds/index.ts";
import { credentialsFromConfigHeader } from "../../../distribution/index.ts";
import { familiar, normalise } from "../../../images/index.ts";
import { byteBody } from "../http/body.ts";
import { createRouter, type ApiContext, type ApiRouter } from "../http/context.ts";
import { readFilters } from "../http/filters.ts";
import { flag, text } from "../http/query.ts";
import { reporting } from "../http/reporting.ts";
import { jsonLine, streamedFromFirst } from "../http/streams.ts";
import { encodeProgress } from "../images/progress.ts";
import { holds, quirks } from "../quirks.ts";
import type { BuildBackend } from "./backend.ts";
import { beyond, bytesToKeep, cacheFilters, cacheSelector } from "./cache.ts";
import { decodeBuild } from "./request.ts";

export function buildRoutes(backend: BuildBackend): ApiRouter {
  const routes = createRouter();

  routes.post("/build", (c) => build(backend, c));
  routes.post("/build/prune", async (c) => {
    const selects = cacheSelector(readFilters(c, cacheFilters), backend.clock.now());
    const keep = bytesToKeep(c);
    const filtered = keep !== undefined || text(c, "filters") !== undefined;
    const going = keep === undefined ? undefined : beyond(backend.builds.cacheRecords(), keep);
    const { removed, freed } = await backend.builds.pruneCache({
      all: flag(c, "all"),
      ...(filtered ? { select: (one) => selects(one) && (going?.has(one.id) ?? true) } : {}),
    });
    return c.json({ CachesDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: freed });
  });
  routes.post("/build/cancel", () => {
    throw fail("unimplemented", "build.cancel", "cancelling a build by its id is not supported", {
      hint: "end the client: the build stops when its connection ends",
    });
  });
  for (const path of ["/session", "/grpc"]) {
    routes.post(path, () => {
      throw fail("not-found", "build.buildkit", "BuildKit sessions are not supported: set DOCKER_BUILDKIT=0");
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
      (report: (event: BuildEvent | Progress) => void) =>
        backend.builds.build(request, { onEvent: report, report, signal, credentials }),
      (event) => (quiet ? undefined : "kind" in event ? encodeBuildEvent(event) : encodeProgress(event)),
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

export function encodeBuildEvent(event: BuildEvent): object {
  switch (event.kind) {
    case "step": {
      const step = `Step ${event.number}/${event.total} : ${event.text}\n`;
      return { stream: event.cached === true ? `${step} ---> Using cache\n` : step };
    }
    case "output":
      return { stream: event.text };
    case "layer":
      return {
        stream: event.cached
          ? ` ---> Using cache\n ---> ${shownId(event.id)}\n`
          : ` ---> ${shownId(event.id)}\n`,
      };
    case "container":
      return {
        stream: event.removed
          ? `Removing intermediate container ${shortId(event.id)}\n`
          : ` ---> Running in ${shortId(event.id)}\n`,
      };
    case "warning":
      return { stream: `[Warning] ${event.text}\n` };
    default:
      return event satisfies never;
  }
}

/** The stage of FROM scratch has no image. */
function shownId(id: string): string {
  return id.startsWith("scratch") ? "" : shortId(id);
}
