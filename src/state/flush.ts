import { open } from "node:fs/promises";

/**
 * Flushes the write-ahead log at `path`, off the main thread. Callers that come while one flush runs share the next one.
 *
 * With `synchronous = NORMAL` SQLite flushes the log only before a checkpoint, which then flushes the database too: what
 * is not in the flushed log is in the flushed database (https://www.sqlite.org/wal.html, section 2.4).
 */
export function createLogFlush(path: string): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const flush = async () => {
    await using file = await open(path, "r+");
    await file.datasync();
  };
  const start = () => {
    next = undefined;
    const mine = flush().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  return async () => {
    if (!running) return await start();
    next ??= running.then(start, start);
    await next;
  };
}
