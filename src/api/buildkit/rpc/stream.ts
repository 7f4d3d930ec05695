import type { Http2Stream } from "node:http2";

/** Writes and waits until there is room for more. False: the stream is over. */
export async function write(stream: Http2Stream, data: Uint8Array): Promise<boolean> {
  if (stream.destroyed || stream.closed) return false;
  if (stream.write(data)) return true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  for (const event of ["drain", "close", "error"]) stream.once(event, done);
  await promise;
  for (const event of ["drain", "close", "error"]) stream.off(event, done);
  return !stream.destroyed && !stream.closed;
}
