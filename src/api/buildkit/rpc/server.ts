import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import { messageOf, type Logger } from "../../../base/index.ts";
import type { Codec } from "../wire/message.ts";
import { frame, readFrames } from "./frames.ts";
import { codes, RpcError, toRpcError, trailersOf } from "./status.ts";
import { write } from "./stream.ts";

/** One call, as its handler sees it. */
export interface ServedCall {
  readonly metadata: IncomingHttpHeaders;
  /** Aborts when the caller has gone or given the call up. */
  readonly signal: AbortSignal;
}

/** Answers a call with messages: the bytes of each. */
export type Method = (requests: AsyncIterable<Uint8Array>, call: ServedCall) => AsyncIterable<Uint8Array>;
/** By path: `/package.Service/Method`. */
export type Methods = Readonly<Record<string, Method>>;

/** A method of one message each way. */
export function unary<Q, A>(
  request: Codec<Q>,
  answer: Codec<A>,
  handle: (request: Q, call: ServedCall) => Promise<Partial<A>> | Partial<A>,
): Method {
  return async function* (requests, call) {
    yield answer.encode(await handle(await only(request, requests), call));
  };
}

/** A method that answers one message with many. */
export function streaming<Q, A>(
  request: Codec<Q>,
  answer: Codec<A>,
  handle: (request: Q, call: ServedCall) => AsyncIterable<Partial<A>>,
): Method {
  return async function* (requests, call) {
    for await (const one of handle(await only(request, requests), call)) yield answer.encode(one);
  };
}

async function only<Q>(request: Codec<Q>, requests: AsyncIterable<Uint8Array>): Promise<Q> {
  for await (const bytes of requests) {
    try {
      return request.decode(bytes);
    } catch (error) {
      throw new RpcError(codes.invalidArgument, `the message cannot be read: ${messageOf(error)}`);
    }
  }
  throw new RpcError(codes.invalidArgument, "the call has no message");
}

export interface RpcServer {
  /** Serves a connection until it is closed. */
  serve(socket: Duplex): Promise<void>;
  close(): void;
}

export function createRpcServer(methods: Methods, logger: Logger): RpcServer {
  const server = createServer({ settings: { initialWindowSize: 1 << 20 } });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // Go's clients say goodbye in a way that Bun takes for an error; the connection is over in both cases.
    session.on("error", (error) =>
      logger.debug("a connection of BuildKit's API ended", { error: messageOf(error) }),
    );
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    serveStream(methods, logger, stream, headers).catch((error: unknown) => {
      logger.debug("a call of BuildKit's API broke", { error: messageOf(error) });
      stream.close(0x2);
    });
  });
  return {
    serve: (socket) => served(server, socket),
    close() {
      for (const session of sessions) session.destroy();
    },
  };
}

function served(server: Http2Server, socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    server.emit("connection", socket);
  });
}

async function serveStream(
  methods: Methods,
  logger: Logger,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  const gone = new AbortController();
  const onGone = () => gone.abort(new DOMException("The caller has gone", "AbortError"));
  stream.on("error", onGone);
  stream.on("close", onGone);
  stream.on("aborted", onGone);
  const path = String(headers[":path"]);
  let error: RpcError | undefined;
  stream.on("wantTrailers", () => stream.sendTrailers(error ? trailersOf(error) : { "grpc-status": "0" }));
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  try {
    const method = methods[path];
    if (method === undefined) throw new RpcError(codes.unimplemented, `${path} is not supported`);
    // Reading no further must not end the stream: the answer is still to come.
    const requests = readFrames(stream.iterator({ destroyOnReturn: false }));
    for await (const message of method(requests, { metadata: headers, signal: gone.signal })) {
      if (!(await write(stream, frame(message)))) break;
    }
  } catch (thrown) {
    error = toRpcError(thrown);
    const fields = { path, code: error.code, error: thrown };
    logger[error.code === codes.internal ? "error" : "debug"]("a call of BuildKit's API failed", fields);
  }
  if (!stream.destroyed && !stream.closed) stream.end();
}
