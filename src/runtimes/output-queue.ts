import type { ProcessStreams } from "./runtime.ts";

export type OutputChunk = ProcessStreams["output"] extends AsyncIterable<infer Chunk> ? Chunk : never;

/** Bytes that may wait for the reader before the source is told to stop, and when it may go on. */
const [highWater, lowWater] = [256 * 1024, 64 * 1024];

/**
 * Output on its way from a source that pushes to a reader that pulls. `flow` is called with false when too much waits
 * and with true when there is room again.
 */
export class OutputQueue implements AsyncIterable<OutputChunk> {
  readonly #flow: (on: boolean) => void;
  #chunks: OutputChunk[] = [];
  #waiting = 0;
  #held = false;
  #unlimited = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(flow: (on: boolean) => void) {
    this.#flow = flow;
  }

  /** True while the source is told to stop. */
  get held(): boolean {
    return this.#held;
  }

  push(chunk: OutputChunk): void {
    if (this.#ended) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.data.length;
    if (!this.#held && !this.#unlimited && this.#waiting > highWater) {
      this.#held = true;
      this.#flow(false);
    }
    this.#notify();
  }

  /** No more comes; the reader still gets what waits. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** Nobody reads any more: what waits is dropped and the source may go on. */
  discard(): void {
    this.end();
    this.#chunks = [];
    this.#release();
  }

  /** Takes all that the source still has, however slow the reader is: it has ended, so that is little. */
  unlimit(): void {
    this.#unlimited = true;
    this.#release();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<OutputChunk> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waiting -= chunk.data.length;
        if (this.#waiting < lowWater) this.#release();
        yield chunk;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  #release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#flow(true);
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
