export interface OutputPiece {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/**
 * Takes Docker's frames apart: eight bytes (stream 1 or 2, three zeros, length), then so many of output. Pieces come
 * as they arrive; a frame may be several.
 */
export async function* framedOutput(source: AsyncIterable<Uint8Array>): AsyncIterableIterator<OutputPiece> {
  let head = Buffer.alloc(0);
  let left = 0;
  let stream: OutputPiece["stream"] = "stdout";
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const take = Math.min(8 - head.length, chunk.length - at);
        head = Buffer.concat([head, chunk.subarray(at, at + take)]);
        at += take;
        if (head.length < 8) break;
        stream = head[0] === 2 ? "stderr" : "stdout";
        left = head.readUInt32BE(4);
        head = Buffer.alloc(0);
        continue;
      }
      const end = Math.min(chunk.length, at + left);
      yield { stream, data: chunk.subarray(at, end) };
      left -= end - at;
      at = end;
    }
  }
}
