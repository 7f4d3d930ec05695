import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { Channel } from "../http/streams.ts";
import type { RawConnection } from "./connection.ts";

/** So much may wait to be sent before the process behind the stream is held back. */
const highWater = 1024 * 1024;
/** A client that sends more than the process reads, and more than this, is sent away: there is no way to slow it. */
const maxWaiting = 32 * 1024 * 1024;

/** Turns a request that asks for it into a websocket; what a client sends in one message may be of 1 MiB. */
export function acceptWebsocket({ method, url, headers }: Request, socket: Duplex): Promise<WebSocket> {
  const server = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024, perMessageDeflate: false });
  const request = { method, url, headers: Object.fromEntries(headers) } as unknown as IncomingMessage;
  return new Promise((resolve) => server.handleUpgrade(request, socket, Buffer.alloc(0), resolve));
}

/** A websocket as a raw connection: each message is a piece of the stream. `text`: sent as text, for old clients. */
export function websocketConnection(socket: WebSocket, options: { readonly text: boolean }): RawConnection {
  const gone = new AbortController();
  const input = new Channel<Uint8Array>();
  const decoder = new TextDecoder();
  let waiting = 0;
  socket.on("message", (data) => {
    const bytes = Buffer.from(data as Buffer);
    waiting += bytes.length;
    if (waiting > maxWaiting) return socket.close(1013, "the process does not read its input");
    input.push(bytes);
  });
  const read = async function* () {
    for await (const bytes of input) {
      waiting -= bytes.length;
      yield bytes;
    }
  };
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    input.close();
    gone.abort(new DOMException("The client has gone", "AbortError"));
  });
  return {
    input: read(),
    gone: gone.signal,
    write(data) {
      if (gone.signal.aborted) return Promise.resolve(false);
      const message = options.text ? decoder.decode(data, { stream: true }) : data;
      const sent = new Promise<boolean>((resolve) => socket.send(message, (error) => resolve(!error)));
      return socket.bufferedAmount < highWater ? Promise.resolve(true) : untilGone(sent, gone.signal);
    },
    end() {
      socket.close(1000);
    },
  };
}

async function untilGone(sent: Promise<boolean>, gone: AbortSignal): Promise<boolean> {
  const left = Promise.withResolvers<boolean>();
  const onGone = () => left.resolve(false);
  gone.addEventListener("abort", onGone, { once: true });
  try {
    return await Promise.race([sent, left.promise]);
  } finally {
    gone.removeEventListener("abort", onGone);
  }
}
