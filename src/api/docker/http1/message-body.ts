import type { ByteInput } from "./byte-input.ts";
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
  let left = 0;
  let [first, done] = [true, false];
  return {
    get done() {
      return done;
    },
    async read() {
      if (done) return undefined;
      if (left === 0) {
        if (!first && (await readLine(input)) !== "") throw bad("malformed chunk");
        first = false;
        const size = /^([0-9a-f]{1,12})[ \t]*(;.*)?$/i.exec(await readLine(input))?.[1];
        if (size === undefined) throw bad("malformed chunk");
        left = Number.parseInt(size, 16);
        if (left === 0) {
          for (let trailers = 0; (await readLine(input)) !== ""; trailers++) {
            if (trailers === 100) throw bad("too many trailers");
          }
          done = true;
          return undefined;
        }
      }
      const piece = await readUpTo(input, left);
      left -= piece.length;
      return piece;
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

const longestLine = 4096;

/** A line without its end. */
async function readLine(input: ByteInput): Promise<string> {
  let line = Buffer.alloc(0);
  for (;;) {
    const piece = await input.take();
    if (piece === undefined) throw bad("unexpected EOF");
    line = Buffer.concat([line, piece]);
    const end = line.indexOf("\r\n");
    if ((end < 0 ? line.length : end) > longestLine) throw bad("malformed chunk");
    if (end < 0) continue;
    input.putBack(line.subarray(end + 2));
    return line.toString("latin1", 0, end);
  }
}
