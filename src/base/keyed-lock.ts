/** One holder at a time per key; waiters are served in order. `using`-friendly: dispose releases. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** `using lock = await locks.acquire(id)` holds `key` until the end of the block. */
  async acquire(key: string): Promise<Disposable> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const tail = previous.then(() => released);
    this.#tails.set(key, tail);
    await previous;
    return {
      [Symbol.dispose]: () => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        release();
      },
    };
  }

  /** Runs `work` as the only holder of `key`. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    using _lock = await this.acquire(key);
    return await work();
  }
}
