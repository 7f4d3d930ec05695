import { fail, type Clock } from "../../base/index.ts";
import type { ExecProcess } from "../../runtimes/index.ts";
import type { Exec } from "../container.ts";

/** So long after its end an exec can still be asked for, milliseconds. */
const keptMs = 5 * 60_000;

export interface ExecEntry {
  exec: Exec;
  process: ExecProcess | undefined;
  endedAt: number | undefined;
  /** Settles when it has ended, or can never start. */
  readonly ended: PromiseWithResolvers<number>;
}

/** Commands run inside containers. They live as long as the daemon does. */
export interface ExecTable {
  add(exec: Exec): ExecEntry;
  /** Throws `not-found` / `exec.not-found`. */
  get(id: string): ExecEntry;
  /** Ids of those that run in a container. */
  runningIn(containerId: string): string[];
  end(entry: ExecEntry, exitCode: number): void;
  /** Forgets those of a container that is gone. */
  forget(containerId: string): void;
  /** Forgets those that ended a while ago. */
  sweep(): void;
}

export function createExecTable(clock: Clock): ExecTable {
  const entries = new Map<string, ExecEntry>();
  return {
    add(exec) {
      const entry: ExecEntry = {
        exec,
        process: undefined,
        endedAt: undefined,
        ended: Promise.withResolvers<number>(),
      };
      entry.ended.promise.catch(() => {});
      entries.set(exec.id, entry);
      return entry;
    },
    get(id) {
      const entry = entries.get(id);
      if (!entry) throw fail("not-found", "exec.not-found", `No such exec instance: ${id}`);
      return entry;
    },
    runningIn: (containerId) =>
      [...entries.values()].flatMap(({ exec }) =>
        exec.containerId === containerId && exec.state.status === "running" ? [exec.id] : [],
      ),
    end(entry, exitCode) {
      if (entry.endedAt !== undefined) return;
      const { state } = entry.exec;
      const pid = state.status === "running" ? { pid: state.pid } : {};
      entry.exec = { ...entry.exec, state: { status: "exited", exitCode, ...pid } };
      entry.endedAt = clock.now().getTime();
      entry.process = undefined;
      entry.ended.resolve(exitCode);
    },
    forget(containerId) {
      for (const [id, entry] of entries) {
        if (entry.exec.containerId !== containerId) continue;
        entries.delete(id);
        entry.ended.reject(
          fail("not-found", "exec.not-found", `No such exec instance: ${id}: its container was removed`),
        );
      }
    },
    sweep() {
      const before = clock.now().getTime() - keptMs;
      for (const [id, entry] of entries) {
        if (entry.endedAt !== undefined && entry.endedAt <= before) entries.delete(id);
      }
    },
  };
}
