import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fail, messageOf, type Logger } from "../base/index.ts";
import type { ProcessIdentity } from "../host/index.ts";
import type { TaskLayout } from "./layout.ts";

/** What the daemon must know of a task after it was restarted. */
export interface TaskRecord {
  readonly id: string;
  readonly runtime: string;
  readonly bundle: string;
  /** From the top of each hierarchy. */
  readonly cgroup: string;
  /** The topmost cgroup above it that was made for it, outside of the daemon's own. */
  readonly madeCgroup?: string;
  /** The boot that the pids belong to. */
  readonly boot: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly logPath: string | null;
  /** The configuration has hooks, which only the runtime itself can run. */
  readonly hooks: boolean;
  /** Global options of the runtime for this task. */
  readonly options?: readonly string[];
  /** Set by the start, for runtimes that do not show it themselves. */
  readonly started?: true;
  /** Null until `create` is through. */
  readonly process: ProcessIdentity | null;
  /** conmon. */
  readonly monitor: ProcessIdentity | null;
}

/**
 * The records, in memory and on disk. Written before anything else of a task is made and removed after all else is
 * gone, so that whatever a crash leaves behind can be found. Not flushed to disk: after a power cut no task runs.
 */
export interface TaskRecords {
  get(id: string): TaskRecord | undefined;
  /** Throws `not-found` / `task.not-found`. */
  require(id: string): TaskRecord;
  list(): readonly TaskRecord[];
  save(record: TaskRecord): void;
  remove(id: string): void;
}

export function openRecords(layout: TaskLayout, logger: Logger): TaskRecords {
  for (const folder of [layout.tasks, layout.exits]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const records = new Map<string, TaskRecord>();
  for (const name of readdirSync(layout.tasks)) {
    if (!name.endsWith(".json")) {
      rmSync(`${layout.tasks}/${name}`, { force: true }); // a write that a crash cut short
      continue;
    }
    try {
      const record = JSON.parse(readFileSync(`${layout.tasks}/${name}`, "utf8")) as TaskRecord;
      records.set(record.id, record);
    } catch (error) {
      logger.error("unreadable task record", { file: name, error: messageOf(error) });
    }
  }
  return {
    get: (id) => records.get(id),
    require(id) {
      const record = records.get(id);
      if (record === undefined) throw fail("not-found", "task.not-found", `No such task: ${id}`);
      return record;
    },
    list: () => [...records.values()],
    save(record) {
      const path = layout.record(record.id);
      writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      records.set(record.id, record);
    },
    remove(id) {
      rmSync(layout.record(id), { force: true });
      records.delete(id);
    },
  };
}
