import type { ByteInput } from "./byte-input.ts";
import { ChunkDecoder } from "./chunks.ts";
import { bad } from "./head.ts";

/** The body of one request, which ends where its framing says. */
export interface MessageBody {
  /** The next piece; undefined at its end. Throws `invalid` for what is not framed right, or is cut off. */
  read(): Promise<Uint8Array | undefined>;
  /** True when all of it was read. */
  readonly done: boolean;
}

export function messageBody(input: ByteInput, length: number | "chunked"): MessageBody {
  return length === "chunked" ? chunkedBody(input) : sizedBody(input, length);
}

/** As a stream that reads no further than its reader does. */
export function bodyStream(body: MessageBody): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      async pull(controller) {
        const piece = await body.read();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece as Uint8Array<ArrayBuffer>);
      },
    },
    { highWaterMark: 0 },
  );
}

function sizedBody(input: ByteInput, length: number): MessageBody {
  let left = length;
  return {
    get done() {
      return left === 0;
    },
    async read() {
      if (left === 0) return undefined;
      const piece = await readUpTo(input, left);
      left -= piece.length;
      return piece;
    },
  };
}

function chunkedBody(input: ByteInput): MessageBody {
  const decoder = new ChunkDecoder();
  return {
    get done() {
      return decoder.done;
    },
    async read() {
      while (!decoder.done) {
        const piece = input.takeNow() ?? (await input.take());
        if (piece === undefined) throw bad("unexpected EOF");
        const { used, length } = decoder.decode(piece);
        input.putBack(piece.subarray(used));
        if (length > 0) return piece.subarray(0, length);
      }
      return undefined;
    },
  };
}

async function readUpTo(input: ByteInput, most: number): Promise<Uint8Array> {
  const piece = input.takeNow() ?? (await input.take());
  if (piece === undefined) throw bad("unexpected EOF");
  if (piece.length <= most) return piece;
  input.putBack(piece.subarray(most));
  return piece.subarray(0, most);
}
