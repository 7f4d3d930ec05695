import { fail, type Clock } from "../base/index.ts";

/** Aborts work that makes no progress for a while. */
export interface Watchdog extends Disposable {
  /** Aborts when `touch` was not called for the time given, or when the caller's signal does. */
  readonly signal: AbortSignal;
  touch(): void;
}

export function watchdog(clock: Clock, ms: number, what: string, caller: AbortSignal): Watchdog {
  const controller = new AbortController();
  let last = clock.now().getTime();
  const timer = clock.every(ms / 4, () => {
    if (clock.now().getTime() - last < ms) return;
    controller.abort(
      fail("timeout", "registry.timeout", `${what}: nothing came for ${Math.round(ms / 1000)} seconds`),
    );
  });
  const follow = () => controller.abort(caller.reason);
  if (caller.aborted) follow();
  caller.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    touch: () => void (last = clock.now().getTime()),
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      caller.removeEventListener("abort", follow);
    },
  };
}
