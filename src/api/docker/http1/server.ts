import { listen as listenOn, type Socket, type UnixSocketListener } from "bun";
import type { Clock, Logger } from "../../../base/index.ts";
import { serveConnection, type HttpService } from "./connection.ts";
import { socketLink, type SocketLink } from "./link.ts";

/**
 * An HTTP/1.1 server on a unix socket. Node's takes four times as long for a small request, and Bun's own gives no
 * connection away, which attach and exec ask for.
 */
export interface HttpServer {
  /** Stops listening and cuts every connection. */
  close(): void;
}

export interface HttpServerOptions {
  readonly path: string;
  readonly service: HttpService;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function serveHttp({ path, service, clock, logger }: HttpServerOptions): HttpServer {
  const links = new Set<SocketLink>();
  const open = (socket: Socket<SocketLink>) => {
    const link = socketLink(socket);
    socket.data = link;
    links.add(link);
    serveConnection(link, service, clock).catch((error: unknown) => {
      logger.error("a connection failed", { error });
      link.destroy();
    });
  };
  const listener: UnixSocketListener<SocketLink> = listenOn<SocketLink>({
    unix: path,
    allowHalfOpen: true,
    socket: {
      open,
      data: ({ data: link }, data) => link.received(data),
      drain: ({ data: link }) => link.drained(),
      end: ({ data: link }) => link.inputEnded(),
      close({ data: link }) {
        links.delete(link);
        link.closed();
      },
      error: ({ data: link }) => link.destroy(),
    },
  });
  return {
    close() {
      listener.stop(true);
      for (const link of links) link.destroy();
    },
  };
}
