import { isVirgaError, type Logger } from "../base/index.ts";
import type { LayerIndex } from "./layer-index.ts";
import type { TreeWorkers } from "./worker/pool.ts";

/**
 * Flushes new layers to disk in the background, so that neither a pull nor a build step waits for the disk. Returns
 * the function that asks for it; requests during a flush are served by one more.
 */
export function createSettler(index: LayerIndex, workers: TreeWorkers, logger: Logger): () => void {
  let running = false;
  let again = false;
  const settle = async () => {
    running = true;
    try {
      do {
        again = false;
        const records = index.unsettled();
        if (records.length === 0) continue;
        await workers.run({ kind: "flush", path: index.directories });
        for (const record of records) await index.settled(record);
      } while (again);
    } catch (error) {
      if (isVirgaError(error, "cancelled")) return; // the daemon stops; the next one flushes them
      // The layers stay doubtful until the next flush, which costs unpacking them again after a power cut.
      logger.warn("new layers could not be flushed to disk", { error });
    } finally {
      running = false;
    }
  };
  return () => {
    again = true;
    if (!running) void settle();
  };
}
