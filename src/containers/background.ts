import { toVirgaError, type Logger } from "../base/index.ts";

/** Work that nobody waits for: exits being handled, restarts that are due. It is never lost and never unhandled. */
export interface Background {
  /** Aborts when the daemon stops. */
  readonly signal: AbortSignal;
  /** Starts `work`; its failure goes to the log, unless the daemon is stopping. */
  run(what: string, work: () => Promise<void>): void;
  /** Aborts `signal` and waits until nothing is under way. */
  close(): Promise<void>;
}

export function createBackground(logger: Logger): Background {
  const running = new Set<Promise<void>>();
  const controller = new AbortController();
  return {
    signal: controller.signal,
    run(what, work) {
      const task = work().catch((error: unknown) => {
        if (!controller.signal.aborted) logger.error(what, { error: toVirgaError(error) });
      });
      const tracked = task.then(() => void running.delete(tracked));
      running.add(tracked);
    },
    async close() {
      controller.abort();
      while (running.size > 0) await Promise.all(running);
    },
  };
}
