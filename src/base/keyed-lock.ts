/** One holder at a time per key; waiters are served in order. `using`-friendly: dispose releases. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /**
   * `using lock = await locks.acquire(id)` holds `key` until the end of the block. Rejects with the signal's reason when
   * it aborts before.
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const tail = previous.then(() => released);
    this.#tails.set(key, tail);
    const lock = {
      [Symbol.dispose]: () => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        release();
      },
    };
    try {
      await unlessAborted(previous, signal);
    } catch (error) {
      // Its place in the queue goes when its turn comes.
      void previous.then(() => lock[Symbol.dispose]());
      throw error;
    }
    return lock;
  }

  /** Runs `work` as the only holder of `key`. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _lock = await this.acquire(key, signal);
    return await work();
  }
}

async function unlessAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return await wait;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([wait, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
