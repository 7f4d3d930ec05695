import type { Context } from "hono";
import { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { fail, type Logger } from "../../base/index.ts";
import { buildRoutes } from "./build/routes.ts";
import { containerRoutes } from "./containers/routes.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { endpoints } from "./endpoints.ts";
import { detailHeader, encodeError, isServerFault } from "./errors.ts";
import { pathOf, refuseZeroBytes } from "./http/address.ts";
import { execRoutes } from "./exec/routes.ts";
import type { ApiEnv } from "./http/context.ts";
import { checkQuery, endpointKey } from "./http/endpoint.ts";
import { imageRoutes } from "./images/routes.ts";
import { networkRoutes } from "./networks/routes.ts";
import { registryRoutes } from "./registry/routes.ts";
import { swarmRoutes } from "./swarm/routes.ts";
import { systemRoutes } from "./system/routes.ts";
import { negotiate, newestVersion, speaksText, splitVersion, versionText } from "./versions.ts";
import { volumeRoutes } from "./volumes/routes.ts";

export type DockerApp = Hono<ApiEnv>;

/** All endpoints; served by `createDockerApi`, and by `app.request()` in tests. Attach and exec upgrade elsewhere. */
export function createApp(dependencies: DockerApiDependencies): DockerApp {
  const app = new Hono<ApiEnv>({ getPath: (request) => splitVersion(pathOf(request.url)).path });
  const identity = identityHeaders(dependencies.facts.version);
  app.use(async (c, next) => {
    refuseZeroBytes(c.req.url);
    for (const [name, value] of Object.entries(identity)) c.header(name, value);
    c.set("version", negotiate(splitVersion(pathOf(c.req.url)).version));
    await next();
  });
  app.use(async (c, next) => {
    if (c.req.method === "OPTIONS") return c.body(null, 200);
    // The last of them answers; HEAD has routes of its own in two places, and Hono would give it those of GET.
    const pattern = matchedRoutes(c).findLast((one) => one.method !== "ALL")?.path;
    const endpoint = pattern === undefined ? undefined : endpoints[endpointKey(c.req.method, pattern)];
    if (endpoint === undefined) return c.notFound();
    if (endpoint.refused === undefined) checkQuery(c, endpoint);
    await next();
    return undefined;
  });
  const containerBackend = dependencies;
  app.route("/", systemRoutes({ ...dependencies, containerBackend, imageBackend: dependencies }));
  app.route("/", containerRoutes(dependencies));
  app.route("/", execRoutes(dependencies));
  app.route("/", imageRoutes(dependencies));
  app.route("/", registryRoutes(dependencies));
  app.route("/", buildRoutes(dependencies));
  app.route("/", networkRoutes(dependencies));
  app.route("/", volumeRoutes(dependencies));
  app.route("/", swarmRoutes());
  app.notFound(() => {
    throw fail("not-found", "api.no-such-page", "page not found");
  });
  app.onError((error, c) => errorResponse(error, c, dependencies.logger));
  return app;
}

export function errorResponse(error: unknown, c: Context<ApiEnv>, logger: Logger): Response {
  const { status, body } = encodeError(error, { detail: c.req.header(detailHeader) !== undefined });
  const request = { method: c.req.method, path: c.req.path, status };
  if (isServerFault(error)) logger.error("a request failed", { ...request, error });
  else logger.debug("a request was refused", { ...request, message: body?.message });
  if (body === undefined) return c.body(null, 304);
  // As dockerd: clients from before JSON errors show the text as it is.
  if (speaksText(splitVersion(pathOf(c.req.url)).version)) return c.text(`${body.message}\n`, status as 400);
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...Object.fromEntries(c.res.headers), "Content-Type": "application/json" },
  });
}

/** What every answer carries, so that a client knows whom it speaks to, and in which versions. */
export function identityHeaders(version: string): Readonly<Record<string, string>> {
  return {
    Server: `Virga/${version} (linux)`,
    Ostype: "linux",
    "Docker-Experimental": "false",
    "Api-Version": versionText(newestVersion),
  };
}
