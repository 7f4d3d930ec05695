import { isRunning } from "../host/index.ts";
import type { AttachedStreams } from "./attach.ts";
import type { TaskRecord } from "./records.ts";

/**
 * The attached clients of all tasks. conmon writes to its clients one after the other and waits for the slowest, so a
 * client that does not read holds the process back, as it should; but it also keeps conmon from noticing the
 * process's end. `relieve` solves that: once the process has ended, its last output is taken into memory.
 */
export class StreamRegistry {
  readonly #byTask = new Map<string, Set<AttachedStreams>>();

  add(id: string, streams: AttachedStreams): void {
    const known = this.#byTask.get(id) ?? new Set();
    this.#byTask.set(id, known.add(streams));
  }

  remove(id: string, streams: AttachedStreams): void {
    const known = this.#byTask.get(id);
    known?.delete(streams);
    if (known?.size === 0) this.#byTask.delete(id);
  }

  relieve(record: TaskRecord): void {
    const known = this.#byTask.get(record.id);
    if (known === undefined || record.process === null || isRunning(record.process)) return;
    for (const streams of known) streams.unlimit();
  }

  /** At the daemon's end: conmon must not wait for a client that is no more. */
  closeAll(): void {
    for (const known of this.#byTask.values()) for (const streams of [...known]) streams.terminate();
  }
}
