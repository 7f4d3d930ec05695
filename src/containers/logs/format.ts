/**
 * conmon's k8s-file log, one line for each piece of output: `TIME STREAM F|P DATA`. `P` pieces have no newline of
 * their own: the next pieces of that stream, up to the next `F`, belong to the same line.
 */
export interface LogPiece {
  /** As written: RFC 3339 with nine decimals and an offset. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  readonly partial: boolean;
  /** Without the newline that ends it in the file. */
  readonly data: Uint8Array;
}

const space = 0x20;
const newline = 0x0a;

/** `line` without its newline. Undefined for what conmon has not written (a torn write after a power cut). */
export function parsePiece(line: Uint8Array): LogPiece | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 20 || second < 0 || third !== second + 2) return undefined;
  const stream = ascii(line, first + 1, second);
  const tag = line[second + 1];
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== 0x46 && tag !== 0x50)) return undefined;
  return {
    time: ascii(line, 0, first),
    stream,
    partial: tag === 0x50,
    data: line.subarray(third + 1),
  };
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}

/** Nanoseconds since the epoch of an RFC 3339 time; undefined when it is none. */
export function timeNs(time: string): bigint | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(time);
  if (!match) return undefined;
  const ms = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
}

/** RFC 3339 in UTC with nine decimals, as Docker writes it. */
export function utcTime(time: string): string {
  if (time.length === 35 && time.endsWith("+00:00")) return `${time.slice(0, 29)}Z`;
  const ns = timeNs(time);
  if (ns === undefined) return time;
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, "0")}Z`;
}

/** Cuts chunks of bytes into lines (without their newlines) and keeps the rest for later. */
export class LineCutter {
  #rest: Uint8Array[] = [];

  /** The lines that `chunk` completes. They may share its memory: the caller must not write to it again. */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const piece = chunk.subarray(start, end);
      yield this.#rest.length === 0 ? piece : Buffer.concat([...this.#rest, piece]);
      this.#rest = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  /** Forgets an unfinished line: the file that it was in has ended. */
  reset(): void {
    this.#rest = [];
  }
}
