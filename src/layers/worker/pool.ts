import { fileURLToPath } from "node:url";
import { fail, type Clock } from "../../base/index.ts";
import type { Job } from "./protocol.ts";
import { Worker, type JobStreams } from "./worker.ts";

/** Child processes that work on trees of files, so that the daemon's event loop never waits for a disk. */
export interface TreeWorkers {
  /** Does a job in a worker that is idle or new. Throws what the job failed with. */
  run(job: Job, streams?: JobStreams): Promise<unknown>;
  /** Ends all workers, also those at work. */
  close(): Promise<void>;
}

export interface TreeWorkersDependencies {
  readonly clock: Clock;
  /** What starts a worker; the daemon's own program by default. */
  readonly command?: readonly string[];
  /** Milliseconds after which an idle worker ends. */
  readonly idle?: number;
}

/** So many idle workers are kept for the next job; further ones end when their job does. */
const maxIdle = 2;

/**
 * The life of a worker: started when a job finds none idle → does jobs → waits `idle` milliseconds for the next → ends.
 * After a failed or cancelled job it ends at once, since nobody knows how far it came. When the daemon is
 * killed, the kernel ends its workers.
 *
 * There is no limit on how many work at once: an archive that a slow client reads must not hold up a build.
 */
export function createTreeWorkers(dependencies: TreeWorkersDependencies): TreeWorkers {
  const command = dependencies.command ?? [
    process.execPath,
    fileURLToPath(new URL("main.ts", import.meta.url)),
  ];
  const idle: { readonly worker: Worker; readonly timer: Disposable }[] = [];
  const all = new Set<Worker>();
  let closed = false;

  const end = async (worker: Worker) => {
    all.delete(worker);
    await worker.end();
  };
  const take = (): Worker => {
    if (closed) throw fail("cancelled", "operation.cancelled", "the daemon is stopping");
    for (let waiting = idle.pop(); waiting; waiting = idle.pop()) {
      waiting.timer[Symbol.dispose]();
      if (waiting.worker.alive) return waiting.worker;
      all.delete(waiting.worker); // killed while it was idle, for example when memory ran out
    }
    const worker = new Worker(command);
    all.add(worker);
    return worker;
  };
  const putBack = async (worker: Worker) => {
    if (idle.length >= maxIdle || !all.has(worker)) return await end(worker);
    worker.rest();
    const timer = dependencies.clock.every(dependencies.idle ?? 10_000, () => {
      timer[Symbol.dispose]();
      const index = idle.findIndex((one) => one.worker === worker);
      if (index < 0) return;
      idle.splice(index, 1);
      void end(worker);
    });
    idle.push({ worker, timer });
  };
  return {
    async run(job, streams = {}) {
      streams.signal?.throwIfAborted();
      const worker = take();
      try {
        const result = await worker.run(job, streams);
        await putBack(worker);
        return result;
      } catch (error) {
        await end(worker);
        throw error;
      }
    },
    async close() {
      closed = true;
      for (const { timer } of idle.splice(0)) timer[Symbol.dispose]();
      await Promise.all([...all].map(end));
    },
  };
}
