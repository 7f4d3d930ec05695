import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fail, type Clock } from "../base/index.ts";
import {
  cgroupProcesses,
  isRunning,
  readProcess,
  removeCgroup,
  thaw,
  type CgroupFacts,
  type ProcessIdentity,
  type ProcessStatus,
} from "../host/index.ts";
import { removeMadeCgroup } from "./foreign-cgroup.ts";
import { bundleFiles, type TaskLayout } from "./layout.ts";
import type { OciProgram } from "./programs.ts";
import { releaseRealtime } from "./realtime.ts";
import type { TaskRecord, TaskRecords } from "./records.ts";

export interface RemovalHost {
  readonly facts: CgroupFacts;
  readonly layout: TaskLayout;
  readonly records: TaskRecords;
  readonly clock: Clock;
  readonly boot: string;
  /** Lets conmon go on although a client of the task does not read. */
  readonly relieve: (record: TaskRecord) => void;
}

/**
 * Ends whatever is left of the task and removes all that the OCI runtime, conmon and `createTask` made. Works for any
 * half-made task, such as one whose daemon was killed while conmon and the runtime went on. Safe to repeat.
 */
export async function removeTraces(
  host: RemovalHost,
  record: TaskRecord,
  program: OciProgram,
): Promise<void> {
  const sameBoot = record.boot === host.boot;
  const monitor = sameBoot ? (record.monitor ?? findMonitor(record.id)) : undefined;
  // Nobody knows how far `create` is: stop it first, or it would make a cgroup again after ours was removed.
  if (record.process === null && monitor !== undefined) await endCreate(host, record, monitor);
  await endProcesses(host, record);
  // conmon writes the exit record after the process's end, so it must be gone before the record can be removed.
  if (monitor !== undefined) await monitorEnd(host, record, monitor);
  if (!program.family.plainState) await program.call(["delete", "--force", record.id]);
  await removeCgroup(host.facts, record.cgroup, host.clock);
  await releaseRealtime(host.facts, record.cgroup, host.clock);
  removeMadeCgroup(host.facts, record);
  rmSync(join(program.root, record.id), { recursive: true, force: true });
  const files = bundleFiles(record.bundle);
  const made = [files.attach, files.control, files.windowSize, files.oom, files.pid, files.runtimeLog];
  for (const path of [...made, host.layout.exit(record.id)]) rmSync(path, { force: true });
  host.records.remove(record.id);
}

/** The conmon of a task, by its command line: for a record that a crash left before it could name it. */
function findMonitor(id: string): ProcessIdentity | undefined {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const arguments_ = commandLine(name);
    const at = arguments_.indexOf("-c");
    if (basename(arguments_[0] ?? "") === "conmon" && at > 0 && arguments_[at + 1] === id) {
      return readProcess(Number(name));
    }
  }
  return undefined;
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended
  }
}

/** conmon leads a process group, in which the OCI runtime's `create` is. */
function killGroup(monitor: ProcessIdentity): void {
  if (!isRunning(monitor)) return;
  for (const target of [-monitor.pid, monitor.pid]) kill(target);
}

/** The kernel ends a process when it gets to it: until then `create` may be making one more cgroup. */
async function endCreate(host: RemovalHost, record: TaskRecord, monitor: ProcessIdentity): Promise<void> {
  const group = processes().filter((one) => one.group === monitor.pid);
  killGroup(monitor);
  for (let attempt = 0; group.some(isRunning); attempt++) {
    if (attempt === 1000) throw unkillable(record.id, pidsOf(group));
    await host.clock.sleep(2);
  }
}

const pidsOf = (group: readonly ProcessIdentity[]) => group.map(({ pid }) => pid);

function processes(): ProcessStatus[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => readProcess(Number(pid)) ?? []);
}

async function monitorEnd(host: RemovalHost, record: TaskRecord, monitor: ProcessIdentity): Promise<void> {
  host.relieve(record);
  for (let attempt = 0; isRunning(monitor); attempt++) {
    // It has no more to do than to write what its pipes still hold; after two seconds something is wrong with it.
    if (attempt === 1000) killGroup(monitor);
    if (attempt === 2000) throw unkillable(record.id, [monitor.pid]);
    await host.clock.sleep(2);
  }
}

async function endProcesses(host: RemovalHost, record: TaskRecord): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    thaw(host.facts, record.cgroup);
    const pids = cgroupProcesses(host.facts, record.cgroup);
    if (pids.length === 0) return;
    pids.forEach(kill);
    await host.clock.sleep(5);
  }
  throw unkillable(record.id, cgroupProcesses(host.facts, record.cgroup));
}

function kill(target: number): void {
  try {
    process.kill(target, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function unkillable(id: string, pids: readonly number[]): Error {
  return fail("internal", "task.unkillable", `processes of ${id} do not end`, {
    hint: `see them with: ps -o pid,stat,wchan,args -p ${pids.join(",")}`,
  });
}
