import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isFrozen, isRunning, oomKills, type CgroupFacts } from "../host/index.ts";
import { bundleFiles, type TaskLayout } from "./layout.ts";
import type { OciProgram } from "./programs.ts";
import type { TaskRecord } from "./records.ts";
import type { TaskExit, TaskState } from "./runtime.ts";

/** Exit code when nobody was there to see it: conmon was killed. Docker tells the same when its shim is lost. */
export const unseenExitCode = 255;

/** The fifo at which crun and runc hold a created task. */
export function startFifo(program: OciProgram, id: string): string {
  return join(program.root, id, "exec.fifo");
}

/** The exit record of a task; undefined while there is none. */
export function readExit(layout: TaskLayout, facts: CgroupFacts, record: TaskRecord): TaskExit | undefined {
  const path = layout.exit(record.id);
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  const text = readFileSync(path, "utf8");
  const unseen = unseenExit(facts, record, status.mtime);
  return /^\d+$/.test(text) ? { ...unseen, exitCode: Number(text) } : unseen;
}

/** The exit of a task whose exit code nobody knows. */
export function unseenExit(facts: CgroupFacts, record: TaskRecord, endedAt: Date): TaskExit {
  return {
    exitCode: unseenExitCode,
    endedAt,
    // conmon's file can be late by a moment; the kernel's own counter is not.
    oomKilled: existsSync(bundleFiles(record.bundle).oom) || oomKills(facts, record.cgroup) > 0,
  };
}

/** The state as /proc and the disk tell it; undefined when the first process has ended without an exit record. */
export function liveState(
  record: TaskRecord,
  program: OciProgram,
  facts: CgroupFacts,
): Extract<TaskState, { pid: number }> | undefined {
  const first = record.process;
  if (first === null || !isRunning(first)) return undefined;
  const pid = first.pid;
  if (isFrozen(facts, record.cgroup)) return { status: "paused", pid };
  return { status: isHeld(program, record) ? "created" : "running", pid };
}

function isHeld(program: OciProgram, record: TaskRecord): boolean {
  return program.family.heldAtFifo ? existsSync(startFifo(program, record.id)) : record.started !== true;
}
