import type { Http2Stream } from "node:http2";

/**
 * So much is given to a stream at once, a frame of HTTP/2. What is larger than the peer's window is cut by Bun into
 * frames that it keeps, and does not always send when the window is open again.
 */
const pieceBytes = 16_000;

/** The last write to each stream: messages go one after the other. */
const turns = new WeakMap<Http2Stream, Promise<boolean>>();

/** Writes, and waits until the peer has room for more. False: the stream is over. */
export function write(stream: Http2Stream, data: Uint8Array): Promise<boolean> {
  const turn = writeAfter(turns.get(stream), stream, data);
  turns.set(stream, turn);
  return turn;
}

/** Ends our half, after what is still to be written. */
export function end(stream: Http2Stream): void {
  void Promise.resolve(turns.get(stream)).then(() => stream.end());
}

async function writeAfter(
  before: Promise<boolean> | undefined,
  stream: Http2Stream,
  data: Uint8Array,
): Promise<boolean> {
  if ((await before) === false) return false;
  for (let at = 0; at < data.length; at += pieceBytes) {
    if (!(await writePiece(stream, data.subarray(at, at + pieceBytes)))) return false;
  }
  return true;
}

async function writePiece(stream: Http2Stream, data: Uint8Array): Promise<boolean> {
  if (stream.destroyed || stream.closed) return false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  for (const event of ["close", "error"]) stream.once(event, done);
  stream.write(data, done);
  await promise;
  for (const event of ["close", "error"]) stream.off(event, done);
  return !stream.destroyed && !stream.closed;
}
