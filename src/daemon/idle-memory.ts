import type { Clock } from "../base/index.ts";

export interface IdleMemoryDependencies {
  readonly clock: Clock;
  /** Milliseconds of CPU time that this process has used so far. */
  readonly cpuTimeMs: () => number;
  /** Gives back what is not needed: garbage, code that ran once. Takes 30 to 50 ms, in which nothing else runs. */
  readonly collect: () => void;
}

const everyMs = 30_000;
/** With less than this share of a CPU in use nobody notices the pause. */
const idleShare = 0.02;
/** What the first collection's finalizers let go is found by the second. */
const collections = 2;

/**
 * Gives memory back once the daemon has nothing more to do. By itself the JavaScript engine keeps some 20 MB of garbage
 * after a busy time until more work comes.
 */
export function collectWhenIdle(dependencies: IdleMemoryDependencies): Disposable {
  const { clock, cpuTimeMs, collect } = dependencies;
  let before = cpuTimeMs();
  let due = collections;
  return clock.every(everyMs, () => {
    const now = cpuTimeMs();
    const busy = now - before > everyMs * idleShare;
    before = now;
    if (busy) due = collections;
    else if (due > 0) {
      due--;
      collect();
    }
  });
}
