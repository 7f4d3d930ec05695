import { isVirgaError, type Logger } from "../base/index.ts";
import type { LayerIndex } from "./layer-index.ts";
import type { TreeWorkers } from "./worker/pool.ts";

export interface Settler {
  /** Asks for a flush; requests during one are served by one more. */
  ask(): void;
  /** Resolves once no flush is under way. */
  idle(): Promise<void>;
}

/** Flushes new layers to disk in the background, so that neither a pull nor a build step waits for the disk. */
export function createSettler(index: LayerIndex, workers: TreeWorkers, logger: Logger): Settler {
  let running: Promise<void> | undefined;
  let again = false;
  const settle = async () => {
    try {
      do {
        again = false;
        const records = index.unsettled();
        if (records.length === 0) continue;
        await workers.run({ kind: "flush", path: index.directories });
        for (const record of records) await index.settled(record);
      } while (again);
    } catch (error) {
      again = false;
      if (isVirgaError(error, "cancelled")) return; // the daemon stops; the next one flushes them
      // The layers stay doubtful until the next flush, which costs unpacking them again after a power cut.
      logger.warn("new layers could not be flushed to disk", { error });
    }
  };
  const ask = () => {
    again = true;
    running ??= settle().finally(() => {
      running = undefined;
      if (again) ask(); // asked for after the last look
    });
  };
  return {
    ask,
    idle: () => running ?? Promise.resolve(),
  };
}
