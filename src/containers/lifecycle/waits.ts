import type { WaitCondition } from "../container.ts";

export interface ExitResult {
  readonly exitCode: number;
  readonly error?: string;
}

/** Who waits for a container to end or to go. */
export interface Waits {
  /** Registers at once. Rejects with the signal's reason when it aborts. */
  add(
    id: string,
    condition: Exclude<WaitCondition, "not-running">,
    signal?: AbortSignal,
  ): Promise<ExitResult>;
  /** Its process has ended; `over`: it will not be started again by its policy. */
  exited(id: string, result: ExitResult): void;
  /** It is gone: nobody has anything left to wait for. */
  removed(id: string, result: ExitResult): void;
  /**
   * It removes itself: who asks for it by its id only now is told how it ended. Clients that wait after the start
   * (dockerode) rely on the removal to take longer than their next request.
   */
  remember(id: string, result: ExitResult): void;
  remembered(id: string): ExitResult | undefined;
}

const mostRemembered = 100;

interface Waiter {
  readonly condition: "next-exit" | "removed";
  readonly resolve: (result: ExitResult) => void;
}

export function createWaits(): Waits {
  const waiters = new Map<string, Set<Waiter>>();
  const past = new Map<string, ExitResult>();
  const settle = (id: string, result: ExitResult, matches: (waiter: Waiter) => boolean) => {
    for (const waiter of waiters.get(id) ?? []) if (matches(waiter)) waiter.resolve(result);
  };
  return {
    add(id, condition, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const own = waiters.get(id) ?? new Set();
        waiters.set(id, own);
        const leave = () => {
          own.delete(waiter);
          if (own.size === 0 && waiters.get(id) === own) waiters.delete(id);
          signal?.removeEventListener("abort", onAbort);
        };
        const onAbort = () => {
          leave();
          reject(signal!.reason as Error);
        };
        const waiter: Waiter = {
          condition,
          resolve(result) {
            leave();
            resolve(result);
          },
        };
        own.add(waiter);
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    exited: (id, result) => settle(id, result, (waiter) => waiter.condition === "next-exit"),
    removed: (id, result) => settle(id, result, () => true),
    remember(id, result) {
      past.set(id, result);
      for (const oldest of past.keys()) if (past.size > mostRemembered) past.delete(oldest);
    },
    remembered: (id) => past.get(id),
  };
}
