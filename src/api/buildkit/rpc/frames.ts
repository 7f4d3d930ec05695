import { codes, RpcError } from "./status.ts";

/** A message on the line: a byte (0: not compressed), its length as big-endian 32 bit, its bytes. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** No message of the protocol comes near it. */
const largestMessage = 64 << 20;

/** Cuts a stream into messages. Throws `RpcError`. */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let held = 0;
  let wanted: number | undefined;
  for await (const chunk of source) {
    chunks.push(chunk);
    held += chunk.length;
    for (;;) {
      if (wanted === undefined) {
        if (held < 5) break;
        const head = gathered(chunks);
        if (head[0] !== 0) throw new RpcError(codes.unimplemented, "compressed messages are not supported");
        wanted = head.readUInt32BE(1);
        if (wanted > largestMessage) throw new RpcError(codes.resourceExhausted, "the message is too large");
        chunks = [head.subarray(5)];
        held -= 5;
      }
      if (held < wanted) break;
      const whole = gathered(chunks);
      const message = whole.subarray(0, wanted);
      held -= wanted;
      chunks = held > 0 ? [whole.subarray(wanted)] : [];
      wanted = undefined;
      yield message;
    }
  }
  if (held > 0 || wanted !== undefined)
    throw new RpcError(codes.internal, "the stream ended inside a message");
}

function gathered(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks;
  if (chunks.length === 1 && first) return Buffer.from(first.buffer, first.byteOffset, first.length);
  return Buffer.concat(chunks);
}
