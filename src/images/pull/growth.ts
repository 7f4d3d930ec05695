/** Tells one reader how far something has grown; a reader that is late hears the latest only. */
export class Growth implements AsyncIterable<number> {
  #size = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake = () => {};

  tell(size: number): void {
    this.#size = size;
    this.#wake();
  }

  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (let told = 0; ;) {
      if (this.#end && "error" in this.#end) throw this.#end.error;
      if (this.#size > told) yield (told = this.#size);
      else if (this.#end) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
