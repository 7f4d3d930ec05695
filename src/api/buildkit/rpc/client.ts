import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { errnoOf } from "../../../base/index.ts";
import type { Codec } from "../wire/message.ts";
import { frame, readFrames } from "./frames.ts";
import { codes, errorFromTrailers, RpcError } from "./status.ts";
import { end, write } from "./stream.ts";

/** The other side of a connection that serves gRPC: a client of the daemon, over the connection that it opened. */
export interface RpcPeer {
  /** Opens a call. What it throws, and what its messages end with, is `RpcError`. */
  call(path: string, options?: CallOptions): RpcCall;
  /** Aborts when the connection is gone. */
  readonly gone: AbortSignal;
  close(): void;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string | readonly string[]>>;
  readonly signal?: AbortSignal;
}

export interface RpcCall {
  /** Waits until there is room for more; false when the call is over. */
  send(message: Uint8Array): Promise<boolean>;
  /** No more messages from us. */
  end(): void;
  /** What the other side sends; read once. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** Gives the call up. */
  cancel(): void;
}

/**
 * So much may be on its way in one call. The connection's own window stays as it is: with a larger one Bun waits for
 * more than a stream may send before it says that there is room again, and the transfer stands still.
 */
const streamWindow = 1 << 20;

export function connectPeer(socket: Duplex): RpcPeer {
  const session = connect("http://peer", {
    createConnection: () => socket,
    settings: { initialWindowSize: streamWindow, enablePush: false },
  });
  const gone = new AbortController();
  const lost = () => gone.abort(new RpcError(codes.unavailable, "the client has gone"));
  session.on("error", lost);
  session.on("close", lost);
  return {
    gone: gone.signal,
    close: () => session.destroy(),
    call: (path, options = {}) => openCall(session, gone.signal, path, options),
  };
}

function openCall(
  session: ClientHttp2Session,
  gone: AbortSignal,
  path: string,
  { metadata = {}, signal }: CallOptions,
): RpcCall {
  gone.throwIfAborted();
  signal?.throwIfAborted();
  const stream = session.request({
    ...(metadata as Record<string, string>),
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const cancel = () => stream.close(0x8);
  signal?.addEventListener("abort", cancel, { once: true });
  stream.once("close", () => signal?.removeEventListener("abort", cancel));
  const ended = outcome(stream, gone, signal);
  ended.catch(() => {});
  return {
    cancel,
    send: (message) => write(stream, frame(message)),
    end: () => end(stream),
    messages: received(stream, ended),
  };
}

/** Resolves when the call ended well. */
function outcome(
  stream: ClientHttp2Stream,
  gone: AbortSignal,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settle = (headers: Readonly<Record<string, unknown>>) => {
    const error = errorFromTrailers(headers);
    if (error) reject(error);
    else resolve();
  };
  stream.on("response", (headers) => {
    if (headers["grpc-status"] !== undefined) settle(headers);
    else if (headers[":status"] !== 200) {
      reject(new RpcError(codes.unavailable, `the client answered with status ${headers[":status"]}`));
    }
  });
  stream.on("trailers", settle);
  stream.on("error", (error: Error) => reject(new RpcError(codes.unavailable, error.message)));
  stream.on("close", () => {
    if (signal?.aborted) reject(signal.reason);
    else reject(gone.aborted ? gone.reason : new RpcError(codes.unavailable, "the call was cut"));
  });
  return promise;
}

async function* received(stream: ClientHttp2Stream, ended: Promise<void>): AsyncIterableIterator<Uint8Array> {
  try {
    yield* readFrames(stream);
  } catch (error) {
    // The stream's own error says less than the status of the call.
    await ended;
    // A server that has answered in full resets the stream when our half is still open: what it said is said.
    if (errnoOf(error) !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
  await ended;
}

/** A call of one message each way. */
export async function callOnce<Q, A>(
  peer: RpcPeer,
  path: string,
  [request, answer]: readonly [Codec<Q>, Codec<A>],
  value: Partial<Q>,
  options?: CallOptions,
): Promise<A> {
  const call = peer.call(path, options);
  await call.send(request.encode(value));
  call.end();
  let first: A | undefined;
  for await (const one of call.messages) first ??= answer.decode(one);
  if (first === undefined) throw new RpcError(codes.internal, `${path} was answered with nothing`);
  return first;
}
