/**
 * Does `work` for all items, `limit` at a time. After a failure nothing new begins, what runs is aborted and waited for,
 * and the first failure is thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const waiting = [...items];
  let failure: { readonly error: unknown } | undefined;
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined && !both.aborted; item = waiting.shift()) {
      try {
        await work(item, both);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  signal.throwIfAborted();
  if (failure) throw failure.error;
}
