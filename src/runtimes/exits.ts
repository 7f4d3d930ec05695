import { watch, writeFileSync } from "node:fs";
import type { Clock, Logger } from "../base/index.ts";
import { isRunning, type CgroupFacts, type ProcessIdentity } from "../host/index.ts";
import type { TaskLayout } from "./layout.ts";
import type { TaskRecord, TaskRecords } from "./records.ts";
import type { TaskExit } from "./runtime.ts";
import { readExit, unseenExit, unseenExitCode } from "./task-state.ts";

/** How often everything is looked at again, whatever was or wasn't noticed. Milliseconds. */
const scanEvery = 1000;

export interface ExitWatchOptions {
  readonly layout: TaskLayout;
  readonly records: TaskRecords;
  readonly facts: CgroupFacts;
  readonly boot: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called at each scan for each task that runs or has just ended. */
  readonly onScan: (record: TaskRecord) => void;
}

/**
 * Notices the end of tasks in three ways, each of which would do alone: conmon, a child of this process, ends; the
 * exit folder changes; a scan each second. The last also finds tasks whose conmon was killed. Each end is told once.
 */
export class ExitWatch implements Disposable {
  readonly #options: ExitWatchOptions;
  readonly #listeners = new Set<(id: string, exit: TaskExit) => void>();
  readonly #told = new Set<string>();
  readonly #waiters = new Map<string, Set<(exit: TaskExit) => void>>();
  readonly #resources = new DisposableStack();
  readonly #orphans = new Set<string>();

  constructor(options: ExitWatchOptions) {
    this.#options = options;
    const { layout, records, facts, clock } = options;
    const watcher = watch(layout.exits, { persistent: false }, (_event, name) => {
      const record = name === null ? undefined : records.get(name);
      if (record !== undefined) this.check(record);
    });
    this.#resources.defer(() => watcher.close());
    // What ended before is known by `inspect`; only what ends from now on is told.
    for (const record of records.list()) {
      if (readExit(layout, facts, record) !== undefined) this.#told.add(record.id);
    }
    this.#resources.use(clock.every(scanEvery, () => this.#scan()));
  }

  onExit(listener: (id: string, exit: TaskExit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves when the task's exit record is there. */
  async ended(record: TaskRecord): Promise<TaskExit> {
    const { promise, resolve } = Promise.withResolvers<TaskExit>();
    const waiters = this.#waiters.get(record.id) ?? new Set();
    this.#waiters.set(record.id, waiters.add(resolve));
    this.check(record);
    return await promise;
  }

  /** Tells the end of a task if it has ended and that was not told yet. */
  check(record: TaskRecord): void {
    const { layout, facts, records, logger } = this.#options;
    const now = records.get(record.id);
    // The monitor of an earlier task with this id may be noticed late, when the next one runs already.
    if (now === undefined || !isSame(now.monitor, record.monitor)) return;
    const exit = readExit(layout, facts, record) ?? this.#unseenExit(record);
    if (exit === undefined) return;
    for (const waiter of this.#waiters.get(record.id) ?? []) waiter(exit);
    this.#waiters.delete(record.id);
    if (this.#told.has(record.id)) return;
    this.#told.add(record.id);
    for (const listener of this.#listeners) {
      try {
        listener(record.id, exit);
      } catch (error) {
        logger.error("a listener for ended tasks failed", { task: record.id, error });
      }
    }
  }

  /** Says nothing of this task's end, which its owner brings about himself. */
  silence(id: string): void {
    this.#told.add(id);
  }

  forget(id: string): void {
    this.#told.delete(id);
    this.#orphans.delete(id);
    this.#waiters.delete(id);
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
    this.#listeners.clear();
  }

  /**
   * conmon writes the exit record before it ends, so when it is gone and no record is there, nobody saw the exit
   * code. A process that lives on without conmon keeps its task running; its output is lost.
   */
  #unseenExit(record: TaskRecord): TaskExit | undefined {
    const { boot, clock, layout, facts, logger } = this.#options;
    if (record.process === null || record.monitor === null || record.boot !== boot) return undefined;
    if (isRunning(record.monitor)) return undefined;
    const written = readExit(layout, facts, record);
    if (written !== undefined) return written;
    if (isRunning(record.process)) {
      if (!this.#orphans.has(record.id)) {
        logger.warn("the monitor of a container is gone: its output and exit code are lost", {
          task: record.id,
        });
      }
      this.#orphans.add(record.id);
      return undefined;
    }
    try {
      writeFileSync(layout.exit(record.id), String(unseenExitCode), { mode: 0o600 });
    } catch (error) {
      // On a full disk, which may be why the monitor left no record.
      logger.error("the end of a container could not be recorded", { task: record.id, error });
    }
    return readExit(layout, facts, record) ?? unseenExit(facts, record, clock.now());
  }

  #scan(): void {
    for (const record of this.#options.records.list()) {
      if (this.#told.has(record.id)) continue;
      this.#options.onScan(record);
      this.check(record);
    }
  }
}

function isSame(one: ProcessIdentity | null, other: ProcessIdentity | null): boolean {
  return one?.pid === other?.pid && one?.startTime === other?.startTime;
}
