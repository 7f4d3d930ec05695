import { readSync, writeSync } from "node:fs";
import { errnoOf, fail } from "../../base/index.ts";
import { frameHeaderSize, frameKinds, type FrameKind } from "./protocol.ts";

export interface Frame {
  readonly kind: FrameKind;
  /** Valid until the next `read`. */
  readonly payload: Buffer;
}

/** The worker's end of the pipes: blocking, because a worker does one thing at a time. */
export interface Channel {
  /** undefined when the daemon closed its end. */
  read(): Frame | undefined;
  write(kind: FrameKind, payload: Uint8Array | string): void;
  /** The pieces of the job's input. */
  input(): Iterable<Uint8Array>;
  /** For each path, whether the daemon leaves it out. */
  ask(paths: readonly string[]): boolean[];
}

export function createChannel(inputFd = 0, outputFd = 1): Channel {
  const header = Buffer.alloc(frameHeaderSize);
  const outHeader = Buffer.alloc(frameHeaderSize);
  let payload = Buffer.alloc(1 << 18);

  const fill = (into: Buffer): boolean => {
    for (let done = 0; done < into.length;) {
      const count = retried(() => readSync(inputFd, into, done, into.length - done, null));
      if (count === 0) return false;
      done += count;
    }
    return true;
  };
  const drain = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length;) {
      done += retried(() => writeSync(outputFd, bytes, done, bytes.length - done));
    }
  };
  const read = (): Frame | undefined => {
    if (!fill(header)) return undefined;
    const length = header.readUInt32LE(1);
    if (length > payload.length) payload = Buffer.alloc(length);
    const body = payload.subarray(0, length);
    return fill(body) ? { kind: header[0] as FrameKind, payload: body } : undefined;
  };
  const write = (kind: FrameKind, content: Uint8Array | string): void => {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    outHeader[0] = kind;
    outHeader.writeUInt32LE(bytes.length, 1);
    drain(outHeader);
    drain(bytes);
  };
  const expect = (kind: FrameKind): Frame => {
    const frame = read();
    if (frame?.kind === kind) return frame;
    throw fail("cancelled", "operation.cancelled", "the daemon ended the job");
  };
  return {
    read,
    write,
    *input() {
      for (;;) {
        const frame = read();
        if (frame?.kind === frameKinds.end) return;
        if (frame?.kind !== frameKinds.data)
          throw fail("cancelled", "operation.cancelled", "the input ended early");
        yield frame.payload;
      }
    },
    ask(paths) {
      write(frameKinds.ask, JSON.stringify(paths));
      return JSON.parse(expect(frameKinds.answer).payload.toString()) as boolean[];
    },
  };
}

/** A pipe whose other end made it non-blocking says EAGAIN; a worker has nothing else to do, so it waits. */
function retried(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}
