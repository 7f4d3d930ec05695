/** So much may wait to be read before the sender is held back. */
const highWater = 256 * 1024;

/** What a connection has brought and nobody has read yet. */
export class ByteInput implements AsyncIterable<Uint8Array> {
  readonly #flow: (on: boolean) => void;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #held = false;
  #ended = false;
  #wake: (() => void) | undefined;

  /** `flow` stops and restarts the source. */
  constructor(flow: (on: boolean) => void) {
    this.#flow = flow;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (!this.#held && this.#size > highWater) {
      this.#held = true;
      this.#flow(false);
    }
    this.#notify();
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** True when all was read and nothing more comes. */
  get over(): boolean {
    return this.#ended && this.#pieces.length === 0;
  }

  /** The next piece if there is one now. */
  takeNow(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    if (piece === undefined) return undefined;
    this.#size -= piece.length;
    if (this.#held && this.#size === 0) {
      this.#held = false;
      this.#flow(true);
    }
    return piece;
  }

  /** The next piece; undefined after the last. One reader at a time. */
  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.takeNow();
      if (piece !== undefined || this.#ended) return piece;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** What was taken and belongs to somebody else. */
  putBack(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.unshift(piece);
    this.#size += piece.length;
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (let piece = await this.take(); piece !== undefined; piece = await this.take()) yield piece;
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
