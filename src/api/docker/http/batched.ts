/** Batches go out at this size at the latest. */
const batchBytes = 64 * 1024;

/**
 * Joins small pieces that are there at the same time into larger ones, so that a long log does not cost a write a
 * line. A piece never waits for the next one longer than one turn of the event loop.
 */
export async function* batched(source: AsyncIterable<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let pieces: Uint8Array[] = [];
  let size = 0;
  const take = () => {
    const batch = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    pieces = [];
    size = 0;
    return batch;
  };
  try {
    let next = iterator.next();
    let turn = nextTurn();
    for (;;) {
      const arrived = pieces.length === 0 ? await next : await Promise.race([next, turn]);
      if (arrived === "turn") {
        yield take();
        continue;
      }
      if (arrived.done === true) break;
      if (pieces.length === 0) turn = nextTurn();
      pieces.push(arrived.value);
      size += arrived.value.length;
      if (size >= batchBytes) yield take();
      next = iterator.next();
    }
    if (pieces.length > 0) yield take();
  } finally {
    await iterator.return?.();
  }
}

function nextTurn(): Promise<"turn"> {
  return new Promise((resolve) => setImmediate(() => resolve("turn")));
}
