import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, type Clock } from "../base/index.ts";
import {
  cgroupFolder,
  cgroupProcesses,
  freeze,
  isRunning,
  signalProcess,
  thaw,
  type CgroupFacts,
} from "../host/index.ts";
import { connectAttach, endedStreams, type AttachedStreams } from "./attach.ts";
import { reopenLog, resizeTerminal } from "./control.ts";
import { execInTask } from "./exec.ts";
import { runtimeFailure } from "./failure.ts";
import type { OciProgram } from "./programs.ts";
import type { TaskRecord, TaskRecords } from "./records.ts";
import type { OciResources, Runtime, TaskState } from "./runtime.ts";
import { readStats } from "./stats.ts";
import type { StreamRegistry } from "./stream-registry.ts";

export interface RunningTasksOptions {
  readonly records: TaskRecords;
  readonly facts: CgroupFacts;
  readonly clock: Clock;
  readonly warmUp: () => Promise<void>;
  readonly attached: StreamRegistry;
  readonly programOf: (record: TaskRecord) => OciProgram;
  readonly stateOf: (record: TaskRecord) => TaskState;
}

const SIGKILL = 9;

type RunningTasks = Omit<
  Runtime,
  "warmUp" | "require" | "abilities" | "create" | "start" | "delete" | "inspect" | "onExit" | "close"
>;
type Live = (id: string) => {
  readonly record: TaskRecord;
  readonly state: Extract<TaskState, { pid: number }>;
};

/** What can be done with a task while it lives. */
export function runningTasks(options: RunningTasksOptions): RunningTasks {
  const { records, stateOf } = options;
  const live: Live = (id) => {
    const record = records.get(id);
    const state = record === undefined ? undefined : stateOf(record);
    if (record === undefined || state === undefined || !("pid" in state)) throw notRunning(id);
    return { record, state };
  };
  return { ...controls(options, live), ...streams(options, live), ...readings(options, live) };
}

function controls(
  { facts, programOf }: RunningTasksOptions,
  live: Live,
): Pick<RunningTasks, "kill" | "pause" | "resume" | "update"> {
  const callRuntime = async (id: string, arguments_: readonly string[], doing: string, stdin?: string) => {
    const { record } = live(id);
    const result = await programOf(record).call(arguments_, stdin);
    if (result.exitCode === 0) return;
    if (!isRunning(record.process!)) throw notRunning(id);
    const said = result.stderr.trim().slice(-2000);
    if (doing === "update") throw runtimeFailure(said, "", doing);
    throw fail("internal", `task.${doing}-failed`, `the OCI runtime failed: ${said}`);
  };
  const runtimeKill = async (record: TaskRecord, signal: number, all: boolean) => {
    const arguments_ = ["kill", ...(all ? ["--all"] : []), record.id, String(signal)];
    const { exitCode, stderr } = await programOf(record).call(arguments_);
    if (exitCode === 0) return;
    if (!isRunning(record.process!)) throw notRunning(record.id);
    // What its own command cannot end, the kernel can.
    if (signal === SIGKILL && signalProcess(record.process!, signal)) return;
    throw fail("internal", "task.kill-failed", `the OCI runtime failed: ${stderr.trim().slice(-2000)}`);
  };
  return {
    async kill(id, signal, all = false) {
      const { record } = live(id);
      if (!programOf(record).family.realProcess) return await runtimeKill(record, signal, all);
      if (!signalProcess(record.process!, signal)) throw notRunning(id);
      if (all) signalAll(cgroupProcesses(facts, record.cgroup), record.process!.pid, signal);
    },
    async pause(id) {
      const { record } = live(id);
      if (programOf(record).family.pauses) await callRuntime(id, ["pause", id], "pause");
      else freeze(facts, record.cgroup);
    },
    async resume(id) {
      const { record } = live(id);
      if (programOf(record).family.pauses) await callRuntime(id, ["resume", id], "resume");
      else thaw(facts, record.cgroup);
    },
    async update(id, resources) {
      const program = programOf(live(id).record);
      if (program.family.updates) {
        const { rest, endQuota } = apartQuotaEnd(facts, live(id).record.cgroup, resources);
        if (Object.keys(rest).length > 0) {
          await callRuntime(id, ["update", "-r", "-", id], "update", JSON.stringify(rest));
        }
        return endQuota?.();
      }
      const message = `the runtime ${program.name} cannot change the limits of a container that runs`;
      throw fail("unimplemented", "runtime.cannot", message, {
        hint: "stop it first; the next start has them",
      });
    },
  };
}

/** The end of a CPU quota (-1), which crun cannot write on version 1, apart from what it can. */
function apartQuotaEnd(
  facts: CgroupFacts,
  cgroup: string,
  resources: OciResources,
): { readonly rest: OciResources; readonly endQuota?: () => void } {
  const { cpu, ...others } = resources as { readonly cpu?: Readonly<Record<string, unknown>> };
  if (facts.version !== 1 || cpu?.["quota"] !== -1) return { rest: resources };
  const { quota: _ended, ...times } = cpu;
  return {
    rest: Object.keys(times).length > 0 ? { ...others, cpu: times } : others,
    endQuota: () => writeFileSync(join(cgroupFolder(facts, "cpu", cgroup)!, "cpu.cfs_quota_us"), "-1"),
  };
}

function streams(
  options: RunningTasksOptions,
  live: Live,
): Pick<RunningTasks, "attach" | "resize" | "reopenLog" | "exec"> {
  const { records, clock, attached, programOf } = options;
  return {
    async attach(id, { stdin = true } = {}) {
      const record = records.require(id);
      const connection: AttachedStreams | undefined = await connectAttach(record.bundle, {
        clock,
        keepAfterClose: record.stdin && record.stdinOnce && !stdin,
        onClose: (one) => attached.remove(id, one),
      });
      if (connection === undefined) return endedStreams();
      attached.add(id, connection);
      return connection;
    },
    async resize(id, columns, rows) {
      const { record } = live(id);
      if (record.tty) resizeTerminal(record.bundle, columns, rows);
    },
    async reopenLog(id) {
      const { record } = live(id);
      if (record.logPath !== null) await reopenLog(record.bundle, record.logPath, clock);
    },
    async exec(id, exec, signal) {
      const { record, state } = live(id);
      if (state.status !== "running") {
        throw fail("conflict", `task.${state.status}`, `the container ${id} is ${state.status}, not running`);
      }
      return await execInTask(options, record, programOf(record), exec, signal);
    },
  };
}

function readings(
  { facts, clock }: RunningTasksOptions,
  live: Live,
): Pick<RunningTasks, "processes" | "stats"> {
  return {
    async processes(id) {
      return cgroupProcesses(facts, live(id).record.cgroup);
    },
    async stats(id) {
      const { record, state } = live(id);
      const stats = readStats(facts, record.cgroup, state.pid, clock.now());
      return sharesHostNetwork(state.pid) ? { ...stats, network: {} } : stats;
    },
  };
}

function signalAll(pids: readonly number[], except: number, signal: number): void {
  for (const pid of pids) {
    if (pid === except) continue;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }
}

/** The host's counters are not the container's. */
function sharesHostNetwork(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net");
  } catch {
    return false;
  }
}

function notRunning(id: string): Error {
  return fail("not-found", "task.not-running", `the container ${id} is not running`);
}
