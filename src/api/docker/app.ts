import type { Context } from "hono";
import { Hono } from "hono";
import { fail, type Logger } from "../../base/index.ts";
import { buildRoutes } from "./build/routes.ts";
import { containerRoutes } from "./containers/routes.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { encodeError, isServerFault } from "./errors.ts";
import { execRoutes, refuseWebsocket } from "./exec/routes.ts";
import type { ApiEnv } from "./http/context.ts";
import { imageRoutes } from "./images/routes.ts";
import { networkRoutes } from "./networks/routes.ts";
import { swarmRoutes } from "./swarm/routes.ts";
import { systemRoutes } from "./system/routes.ts";
import { negotiate, newestVersion, splitVersion, versionText } from "./versions.ts";
import { volumeRoutes } from "./volumes/routes.ts";

export type DockerApp = Hono<ApiEnv>;

/** All endpoints; served by `createDockerApi`, and by `app.request()` in tests. Attach and exec upgrade elsewhere. */
export function createApp(dependencies: DockerApiDependencies): DockerApp {
  const app = new Hono<ApiEnv>({ getPath: (request) => splitVersion(pathOf(request.url)).path });
  const identity = {
    Server: `Virga/${dependencies.facts.version} (linux)`,
    Ostype: "linux",
    "Docker-Experimental": "false",
    "Api-Version": versionText(newestVersion),
  };
  app.use(async (c, next) => {
    for (const [name, value] of Object.entries(identity)) c.header(name, value);
    c.set("version", negotiate(splitVersion(pathOf(c.req.url)).version));
    await next();
  });
  const containerBackend = dependencies;
  app.route("/", systemRoutes({ ...dependencies, containerBackend, imageBackend: dependencies }));
  app.get("/containers/:id/attach/ws", refuseWebsocket);
  app.route("/", containerRoutes(dependencies));
  app.route("/", execRoutes(dependencies));
  app.route("/", imageRoutes(dependencies));
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

function errorResponse(error: unknown, c: Context<ApiEnv>, logger: Logger): Response {
  const { status, body } = encodeError(error);
  const request = { method: c.req.method, path: c.req.path, status };
  if (isServerFault(error)) logger.error("a request failed", { ...request, error });
  else logger.debug("a request was refused", { ...request, message: body?.message });
  if (body === undefined) return c.body(null, 304);
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { ...Object.fromEntries(c.res.headers), "Content-Type": "application/json" },
  });
}

/** The path of a URL, without parsing the rest of it. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, query < 0 ? undefined : query);
}
