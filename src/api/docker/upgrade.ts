import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Hono } from "hono";
import { fail, messageOf } from "../../base/index.ts";
import { attachHijack, websocketHijack } from "./containers/attach.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { errorResponse, identityHeaders } from "./app.ts";
import { isServerFault } from "./errors.ts";
import { startHijack } from "./exec/routes.ts";
import { socketConnection, type RawConnection } from "./hijack/connection.ts";
import type { Hijack, Takeover } from "./hijack/hijack.ts";
import { refuseZeroBytes } from "./http/address.ts";
import { acceptWebsocket, websocketConnection } from "./hijack/websocket.ts";
import type { ApiContext, ApiEnv } from "./http/context.ts";
import { negotiate, splitVersion } from "./versions.ts";

/**
 * Serves requests that ask for an upgrade (`Upgrade: tcp`): attach and exec start take the connection over, and BuildKit's
 * clients turn it into one of HTTP/2 (`Upgrade: h2c`); anything else goes to `plain`, as if it had not asked.
 */
export function createUpgradeHandler(
  dependencies: DockerApiDependencies,
  plain: (request: Request) => Response | Promise<Response>,
) {
  const { logger } = dependencies;
  const identity = identityHeaders(dependencies.facts.version);
  const hijacks = new WeakMap<Request, Hijack | Takeover>();
  const app = hijackApp(dependencies, plain, (request, hijack) => hijacks.set(request, hijack));
  return async (incoming: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> => {
    // Without a listener a connection that breaks here would end the daemon.
    socket.on("error", (error) => logger.debug("an upgraded connection broke", { error: messageOf(error) }));
    const request = toRequest(incoming);
    const response = await app.fetch(request);
    const hijack = hijacks.get(request);
    if (hijack === undefined) return writeResponse(socket, response);
    if ("protocol" in hijack) {
      if (head.length > 0) socket.unshift(head);
      socket.write(switching({}, hijack.protocol));
      return hijack.serve(socket);
    }
    const connection = await connect(incoming, socket, head, hijack, identity);
    try {
      await hijack.run(connection);
    } catch (error) {
      logger[isServerFault(error) ? "error" : "debug"]("a session failed", { error });
    } finally {
      connection.end();
    }
  };
}

/** Answers that the connection is the client's and the container's now. */
async function connect(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  hijack: Hijack,
  identity: Readonly<Record<string, string>>,
): Promise<RawConnection> {
  if (hijack.websocket !== undefined) {
    return websocketConnection(await acceptWebsocket(incoming, socket, head), hijack.websocket);
  }
  const connection = socketConnection(socket, head);
  socket.write(switching({ ...identity, "Content-Type": hijack.contentType }));
  return connection;
}

function hijackApp(
  dependencies: DockerApiDependencies,
  plain: (request: Request) => Response | Promise<Response>,
  keep: (request: Request, hijack: Hijack | Takeover) => void,
): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ getPath: (request) => splitVersion(new URL(request.url).pathname).path });
  app.use(async (c, next) => {
    refuseZeroBytes(c.req.url);
    for (const [name, value] of Object.entries(identityHeaders(dependencies.facts.version)))
      c.header(name, value);
    c.set("version", negotiate(splitVersion(new URL(c.req.url).pathname).version));
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

function toRequest(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    const kept = name === "upgrade" ? value === "h2c" : name !== "connection";
    if (value !== undefined && kept) headers.set(name, String(value));
  }
  const method = incoming.method ?? "GET";
  const body = method === "GET" || method === "HEAD" ? {} : { body: bodyOf(incoming) };
  return new Request(`http://docker${incoming.url ?? "/"}`, { method, headers, ...body });
}

function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const iterator = incoming.iterator({ destroyOnReturn: false });
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = (await iterator.next()) as IteratorResult<Uint8Array>;
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** HTTP/2 without TLS is what BuildKit's clients speak after the upgrade. Throws `invalid` for anything else. */
function h2c(c: ApiContext): string {
  const protocol = c.req.header("upgrade") ?? "";
  if (protocol === "h2c") return protocol;
  throw fail("invalid", "api.bad-upgrade", `protocol ${protocol} not supported`, {
    hint: "ask for `Upgrade: h2c`",
  });
}

function switching(headers: Readonly<Record<string, string>>, protocol = "tcp"): string {
  const lines = Object.entries({ ...headers, Connection: "Upgrade", Upgrade: protocol });
  return ["HTTP/1.1 101 UPGRADED", ...lines.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n");
}

async function writeResponse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("Content-Length", String(body.length));
  headers.set("Connection", "close");
  const reason = response.statusText || STATUS_CODES[response.status] || "";
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${response.status} ${reason}`, ...lines, "", ""].join("\r\n");
  socket.end(Buffer.concat([Buffer.from(head), body]));
}
