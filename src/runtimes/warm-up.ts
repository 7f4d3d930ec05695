import { warmUpCgroupMoves, type CgroupFacts } from "../host/index.ts";

/** How long the kernel stays ready after a move, with some margin. Milliseconds. */
const lasts = 10;

/** `warmUpCgroupMoves`, once at a time and not again while the last one lasts. */
export function createWarmUp(facts: CgroupFacts): () => Promise<void> {
  let running: Promise<void> | undefined;
  let readyUntil = 0;
  return () => {
    if (running !== undefined) return running;
    if (performance.now() < readyUntil) return Promise.resolve();
    running = warmUpCgroupMoves(facts).finally(() => {
      running = undefined;
      readyUntil = performance.now() + lasts;
    });
    return running;
  };
}
