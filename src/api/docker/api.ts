import { existsSync, chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { fail, messageOf } from "../../base/index.ts";
import { lengthenListenQueue } from "../../host/index.ts";
import { createApp } from "./app.ts";
import type { DockerApiDependencies } from "./dependencies.ts";
import { encodeError } from "./errors.ts";
import { createUpgradeHandler } from "./upgrade.ts";

/** The Docker Engine API, versions 1.24 to 1.51, on a unix socket. */
export interface DockerApi {
  /**
   * Listens on a socket at `path`, mode 0660, of the group `docker` where there is one. A socket that an earlier
   * process left there is replaced; anything else there is `conflict` / `api.path-taken`.
   */
  listen(path: string): Promise<void>;
  /** Stops listening and ends every connection; containers do not notice. */
  close(): Promise<void>;
}

/** As Go's servers have it: build arguments and labels travel in the query. */
const maxHeaderBytes = 1024 * 1024;

export function createDockerApi(dependencies: DockerApiDependencies): DockerApi {
  const app = createApp(dependencies);
  const upgrade = createUpgradeHandler(dependencies, (request) => app.fetch(request));
  const sockets = new Set<Duplex>();
  let server: Server | undefined;
  let listeningAt: string | undefined;

  return {
    async listen(path) {
      removeStaleSocket(path);
      const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: refusal });
      server = createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
        // Clients name all sorts of hosts, the socket's path too; none means anything on a unix socket.
        request.headers.host = "docker";
        return listener(request, response);
      });
      // Streams (a log that is followed, a build) stay open for as long as they like.
      server.requestTimeout = 0;
      server.timeout = 0;
      server.keepAliveTimeout = 0;
      server.on("connection", (socket: Duplex) => track(sockets, socket));
      server.on("upgrade", (request, socket, head) => {
        track(sockets, socket);
        upgrade(request, socket, head).catch((error: unknown) => {
          dependencies.logger.error("an upgrade failed", { error });
          socket.destroy();
        });
      });
      await listen(server, path);
      lengthenListenQueue(path);
      listeningAt = path;
      giveToDockerGroup(path);
    },
    async close() {
      if (server === undefined) return;
      const closed = new Promise<void>((resolve) => server!.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await closed;
      if (listeningAt !== undefined && existsSync(listeningAt)) unlinkSync(listeningAt);
      server = undefined;
    },
  };
}

/** What is no request at all: an address that cannot be read. */
function refusal(error: unknown): Response {
  const { status, body } = encodeError(fail("invalid", "api.bad-request", messageOf(error)));
  return Response.json(body, { status });
}

function track(sockets: Set<Duplex>, socket: Duplex): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function removeStaleSocket(path: string): void {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) {
    throw fail("conflict", "api.path-taken", `${path} is in the way of the Docker API's socket`, {
      hint: `move it away: mv ${path} ${path}.old`,
    });
  }
  unlinkSync(path);
}

/** Whoever is in the group is root in effect, as with Docker; everybody else is kept out. */
function giveToDockerGroup(path: string): void {
  chmodSync(path, 0o660);
  const group = /^docker:[^:]*:(\d+):/m.exec(readFileSync("/etc/group", "utf8"))?.[1];
  if (group !== undefined) chownSync(path, 0, Number(group));
}
