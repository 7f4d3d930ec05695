export interface Merger<T> {
  /** `ended` is called when the stream has ended of itself or failed; not after the signal. */
  add(stream: AsyncIterable<T>, ended: () => void): void;
  /** Calls `seen` with each item of another stream, which is not part of the output. */
  watch<U>(stream: AsyncIterable<U>, seen: (item: U) => void): void;
  /** Ends when the signal aborts; throws the first failure of any stream. */
  items(): AsyncIterableIterator<T>;
}

/** Several streams as one, in the order in which their items come; a slow reader holds its writers back. */
export function createMerger<T>(signal: AbortSignal): Merger<T> {
  const waiting: { readonly item: T; readonly taken: () => void }[] = [];
  const held = new Set<() => void>();
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const onFailure = (error: unknown) => {
    if (signal.aborted) return;
    failure = { error };
    wake();
  };
  signal.addEventListener(
    "abort",
    () => {
      wake();
      for (const release of held) release();
    },
    { once: true },
  );
  const offer = async (item: T) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.add(resolve);
    waiting.push({ item, taken: resolve });
    wake();
    if (!signal.aborted) await promise;
    held.delete(resolve);
  };
  const pump = async (stream: AsyncIterable<T>, ended: () => void) => {
    try {
      for await (const item of stream) {
        await offer(item);
        if (signal.aborted) return;
      }
    } finally {
      if (!signal.aborted) ended();
    }
  };
  const watch = async <U>(stream: AsyncIterable<U>, seen: (item: U) => void) => {
    for await (const item of stream) seen(item);
  };
  return {
    add: (stream, ended) => void pump(stream, ended).catch(onFailure),
    watch: (stream, seen) => void watch(stream, seen).catch(onFailure),
    async *items() {
      for (;;) {
        while (waiting.length > 0 && !signal.aborted) {
          const { item, taken } = waiting.shift()!;
          yield item;
          taken();
        }
        if (signal.aborted) return;
        if (failure) throw failure.error as Error;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
