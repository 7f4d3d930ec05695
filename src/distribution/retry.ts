import type { Clock } from "../base/index.ts";
import { Repeatable } from "./failures.ts";

/** So often a request is made at most while nothing comes of it. */
export const maxAttempts = 5;

/** Who wants a longer pause than this gets no further request. */
const longestPause = 60_000;

/** Milliseconds before the next attempt: what the registry asked for, else 0.5 s, 1 s, 2 s, 4 s … */
export function pauseBefore(attempt: number, after: number | undefined): number {
  return after ?? Math.min(500 * 2 ** (attempt - 1), 10_000);
}

/** Waits before attempt `attempt + 1`, or throws what the failure means when there is to be none. */
export async function pauseOrThrow(
  error: unknown,
  attempt: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof Repeatable)) throw error;
  const pause = pauseBefore(attempt, error.after);
  if (attempt >= maxAttempts || pause > longestPause) throw error.cause;
  signal.throwIfAborted();
  await clock.sleep(pause, signal);
}

/** Does `work`, again after a pause when it fails with a `Repeatable`. Throws the last failure's meaning. */
export async function repeated<T>(clock: Clock, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      await pauseOrThrow(error, attempt, clock, signal);
    }
  }
}
