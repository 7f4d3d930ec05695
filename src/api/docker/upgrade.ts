import { Hono } from "hono";
import { fail } from "../../base/index.ts";
import { attachHijack, websocketHijack } from "./containers/attach.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { errorResponse, identityHeaders } from "./app.ts";
import { isServerFault } from "./errors.ts";
import { startHijack } from "./exec/routes.ts";
import type { RawConnection } from "./hijack/connection.ts";
import type { Hijack, Takeover } from "./hijack/hijack.ts";
import { pathOf, refuseZeroBytes } from "./http/address.ts";
import { acceptWebsocket, websocketConnection } from "./hijack/websocket.ts";
import type { ApiContext, ApiEnv } from "./http/context.ts";
import type { HttpService } from "./http1/connection.ts";
import { linkDuplex } from "./http1/duplex.ts";
import type { Link } from "./http1/link.ts";
import { negotiate, splitVersion } from "./versions.ts";

/**
 * Serves requests that ask for an upgrade (`Upgrade: tcp`): attach and exec start take the connection over, and BuildKit's
 * clients turn it into one of HTTP/2 (`Upgrade: h2c`); anything else goes to `plain`, as if it had not asked.
 */
export function createUpgradeHandler(
  dependencies: DockerApiDependencies,
  plain: (request: Request) => Response | Promise<Response>,
): HttpService["upgrade"] {
  const { logger } = dependencies;
  const identity = identityHeaders(dependencies.facts.version);
  const hijacks = new WeakMap<Request, Hijack | Takeover>();
  const app = hijackApp(dependencies, plain, (request, hijack) => hijacks.set(request, hijack));
  return async (request, link) => {
    const response = await app.fetch(request);
    const hijack = hijacks.get(request);
    if (hijack === undefined) return response;
    if ("protocol" in hijack) {
      void link.write(switching({}, hijack.protocol));
      await hijack.serve(linkDuplex(link));
      return undefined;
    }
    const connection = await connect(request, link, hijack, identity);
    try {
      await hijack.run(connection);
    } catch (error) {
      logger[isServerFault(error) ? "error" : "debug"]("a session failed", { error });
    } finally {
      connection.end();
    }
    return undefined;
  };
}

/** Answers that the connection is the client's and the container's now. */
async function connect(
  request: Request,
  link: Link,
  hijack: Hijack,
  identity: Readonly<Record<string, string>>,
): Promise<RawConnection> {
  if (hijack.websocket !== undefined) {
    return websocketConnection(await acceptWebsocket(request, linkDuplex(link)), hijack.websocket);
  }
  void link.write(switching({ ...identity, "Content-Type": hijack.contentType }));
  return link;
}

function hijackApp(
  dependencies: DockerApiDependencies,
  plain: (request: Request) => Response | Promise<Response>,
  keep: (request: Request, hijack: Hijack | Takeover) => void,
): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ getPath: (request) => splitVersion(pathOf(request.url)).path });
  app.use(async (c, next) => {
    refuseZeroBytes(c.req.url);
    for (const [name, value] of Object.entries(identityHeaders(dependencies.facts.version)))
      c.header(name, value);
    c.set("version", negotiate(splitVersion(pathOf(c.req.url)).version));
    await next();
  });
  app.post("/containers/:id/attach", async (c) => {
    keep(c.req.raw, await attachHijack(dependencies, c));
    return c.body(null, 200);
  });
  app.get("/containers/:id/attach/ws", async (c) => {
    if (c.req.header("sec-websocket-key") === undefined) return plain(c.req.raw);
    keep(c.req.raw, await websocketHijack(dependencies, c));
    return c.body(null, 200);
  });
  app.post("/exec/:id/start", async (c) => {
    const hijack = await startHijack(dependencies, c);
    if (hijack !== undefined) keep(c.req.raw, hijack);
    return c.body(null, 200);
  });
  app.post("/grpc", (c) => {
    keep(c.req.raw, { protocol: h2c(c), serve: (socket) => dependencies.buildkit.serveCalls(socket) });
    return c.body(null, 200);
  });
  app.post("/session", (c) => {
    const { headers } = c.req.raw;
    keep(c.req.raw, {
      protocol: h2c(c),
      serve: (socket) => dependencies.buildkit.serveSession(socket, headers),
    });
    return c.body(null, 200);
  });
  app.notFound((c) => plain(c.req.raw));
  app.onError((error, c) => errorResponse(error, c, dependencies.logger));
  return app;
}

/** HTTP/2 without TLS is what BuildKit's clients speak after the upgrade. Throws `invalid` for anything else. */
function h2c(c: ApiContext): string {
  const protocol = c.req.header("upgrade") ?? "";
  if (protocol === "h2c") return protocol;
  throw fail("invalid", "api.bad-upgrade", `protocol ${protocol} not supported`, {
    hint: "ask for `Upgrade: h2c`",
  });
}

function switching(headers: Readonly<Record<string, string>>, protocol = "tcp"): Buffer {
  const lines = Object.entries({ ...headers, Connection: "Upgrade", Upgrade: protocol });
  return Buffer.from(
    ["HTTP/1.1 101 UPGRADED", ...lines.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n"),
  );
}
