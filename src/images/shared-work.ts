interface Running<T, R> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  readonly listeners: Set<(report: R) => void>;
  readonly told: R[];
}

/**
 * Work that several callers want at the same time and that is done once. It is stopped when the last caller has
 * given up; who joins late hears first what was reported before.
 */
export class SharedWork<T, R> {
  readonly #running = new Map<string, Running<T, R>>();

  async join(
    key: string,
    report: (report: R) => void,
    signal: AbortSignal | undefined,
    work: (context: { readonly report: (report: R) => void; readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, work);
    // Each caller its own entry, even when two pass the same function.
    const listener = (one: R) => report(one);
    for (const one of running.told) listener(one);
    running.listeners.add(listener);
    const { promise: given, reject } = Promise.withResolvers<never>();
    const leave = () => {
      running.listeners.delete(listener);
      if (running.listeners.size > 0) return reject(signal!.reason as Error);
      // The last one waits until the work has cleaned up after itself.
      if (this.#running.get(key) === running) this.#running.delete(key);
      running.stop.abort(signal!.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.result, given]);
    } finally {
      running.listeners.delete(listener);
      signal?.removeEventListener("abort", leave);
    }
  }

  async #forget(key: string, running: Running<T, R>): Promise<void> {
    await Promise.allSettled([running.result]);
    if (this.#running.get(key) === running) this.#running.delete(key);
  }

  #start(
    key: string,
    work: (context: { readonly report: (report: R) => void; readonly signal: AbortSignal }) => Promise<T>,
  ): Running<T, R> {
    const stop = new AbortController();
    const listeners = new Set<(report: R) => void>();
    const told: R[] = [];
    const report = (one: R) => {
      told.push(one);
      for (const listener of listeners) listener(one);
    };
    const result = work({ report, signal: stop.signal });
    const running: Running<T, R> = { result, stop, listeners, told };
    this.#running.set(key, running);
    void this.#forget(key, running);
    return running;
  }
}
