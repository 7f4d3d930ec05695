import { bad } from "./head.ts";

const [longestLine, mostTrailers] = [4096, 100];

/** Takes apart a body that comes in chunks. */
export class ChunkDecoder {
  /** What comes next: bytes of a chunk, or a line. */
  #state: "size" | "data" | "after-data" | "trailers" | "done" = "size";
  #left = 0;
  #line = "";
  #trailers = 0;

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Moves the data in `piece` to its beginning, `length` bytes, so that large bodies of small chunks stay in large pieces.
   * `used` bytes of it belonged to the body. Throws `invalid` for what is no chunk.
   */
  decode(piece: Uint8Array): { readonly used: number; readonly length: number } {
    let [used, length] = [0, 0];
    while (used < piece.length && this.#state !== "done") {
      if (this.#state !== "data") {
        used = this.#readLine(piece, used);
        continue;
      }
      const end = Math.min(used + this.#left, piece.length);
      piece.copyWithin(length, used, end);
      length += end - used;
      this.#left -= end - used;
      used = end;
      if (this.#left === 0) this.#state = "after-data";
    }
    return { used, length };
  }

  /** Takes a line, or what is there of one; returns where it ends. */
  #readLine(piece: Uint8Array, start: number): number {
    const end = piece.indexOf(10, start);
    const stop = end < 0 ? piece.length : end;
    if (this.#line.length + stop - start > longestLine) throw bad("malformed chunk");
    this.#line += Buffer.from(piece.subarray(start, stop)).toString("latin1");
    if (end < 0) return stop;
    if (!this.#line.endsWith("\r")) throw bad("malformed chunk");
    this.#take(this.#line.slice(0, -1));
    this.#line = "";
    return end + 1;
  }

  #take(line: string): void {
    if (this.#state === "after-data") {
      if (line !== "") throw bad("malformed chunk");
      this.#state = "size";
    } else if (this.#state === "trailers") {
      if (line === "") this.#state = "done";
      else if (++this.#trailers > mostTrailers) throw bad("too many trailers");
    } else {
      const size = /^([0-9a-f]{1,12})[ \t]*(;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw bad("malformed chunk");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailers" : "data";
    }
  }
}
