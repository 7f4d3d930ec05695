import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { fail, type Clock } from "../base/index.ts";
import { cgroupProcesses, readProcess, removeCgroup, thaw, type CgroupFacts } from "../host/index.ts";
import { lastLoggedError, runtimeFailure } from "./failure.ts";
import { bundleFiles } from "./layout.ts";
import { startMonitor, type Monitor, type MonitorOptions } from "./monitor.ts";
import type { OciProgram } from "./programs.ts";
import type { TaskRecord, TaskRecords } from "./records.ts";
import type { TaskSpec } from "./runtime.ts";
import type { SeccompCache } from "./seccomp-cache.ts";

export interface TaskHost extends MonitorOptions {
  readonly records: TaskRecords;
  readonly facts: CgroupFacts;
  readonly boot: string;
  /** identity.cgroupParent: every task's cgroup is below it. */
  readonly cgroupParent: string;
  readonly clock: Clock;
  readonly warmUp: () => Promise<void>;
  readonly seccomp: SeccompCache;
}

/** Creates the task's first process, which then waits to be started. All or nothing. */
export async function createTask(
  host: TaskHost,
  spec: TaskSpec,
  program: OciProgram,
  signal: AbortSignal | undefined,
): Promise<{ readonly record: TaskRecord; readonly monitor: Monitor }> {
  signal?.throwIfAborted();
  await using undo = new AsyncDisposableStack();
  const draft = draftRecord(host, spec);
  void host.warmUp();
  host.records.save(draft);
  undo.defer(() => removeTraces(host, draft, program));
  const files = bundleFiles(spec.bundle);
  mkdirSync(spec.bundle, { recursive: true, mode: 0o700 });
  for (const stale of [files.runtimeLog, files.pid, files.oom, host.layout.exit(spec.id)]) {
    rmSync(stale, { force: true });
  }
  const config = host.seccomp.apply(program, spec.config);
  writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });

  const monitor = startMonitor(spec, program, host);
  undo.defer(async () => {
    monitor.kill();
    await monitor.exited;
  });
  const onAbort = () => monitor.kill();
  signal?.addEventListener("abort", onAbort, { once: true });
  const report = await monitor.report.finally(() => signal?.removeEventListener("abort", onAbort));
  signal?.throwIfAborted();
  if ("failure" in report) {
    throw runtimeFailure(lastLoggedError(files.runtimeLog) ?? report.failure, commandOf(spec), "create");
  }
  const record: TaskRecord = {
    ...draft,
    process: identify(report.pid),
    monitor: identify(monitor.pid),
  };
  host.records.save(record);
  host.seccomp.learn(program, spec.config, spec.id);
  undo.move();
  return { record, monitor };
}

function draftRecord(host: TaskHost, spec: TaskSpec): TaskRecord {
  const linux = spec.config["linux"] as { cgroupsPath?: string } | undefined;
  const cgroup = normalize(linux?.cgroupsPath ?? "/");
  // Whatever is in the task's cgroup is killed at its end, so it must be one of our own.
  if (!cgroup.startsWith(`${host.cgroupParent}/`)) {
    throw fail(
      "internal",
      "task.foreign-cgroup",
      `linux.cgroupsPath must be below ${host.cgroupParent}: ${cgroup}`,
    );
  }
  return {
    id: spec.id,
    runtime: spec.runtime,
    bundle: spec.bundle,
    cgroup,
    boot: host.boot,
    tty: spec.tty,
    stdin: spec.stdin,
    stdinOnce: spec.stdinOnce,
    logPath: spec.log.kind === "file" ? spec.log.path : null,
    hooks: spec.config["hooks"] !== undefined,
    process: null,
    monitor: null,
  };
}

/** A process that ended before it could be looked at gets a start time that no process has. */
function identify(pid: number) {
  return { pid, startTime: readProcess(pid)?.startTime ?? -1 };
}

function commandOf(spec: TaskSpec): string {
  return (spec.config["process"] as { args?: readonly string[] } | undefined)?.args?.[0] ?? "";
}

/**
 * Ends whatever is left in the task's cgroup and removes all that the runtime, conmon and `createTask` made. Works
 * for any half-made task. Safe to repeat.
 */
export async function removeTraces(
  host: Pick<TaskHost, "facts" | "layout" | "records" | "clock">,
  record: TaskRecord,
  program: OciProgram,
): Promise<void> {
  await endProcesses(host, record);
  if (program.family === "other") await program.call(["delete", "--force", record.id]);
  await removeCgroup(host.facts, record.cgroup, host.clock);
  rmSync(join(program.root, record.id), { recursive: true, force: true });
  const files = bundleFiles(record.bundle);
  for (const path of [
    files.attach,
    files.control,
    files.windowSize,
    files.oom,
    files.pid,
    files.runtimeLog,
  ]) {
    rmSync(path, { force: true });
  }
  rmSync(host.layout.exit(record.id), { force: true });
  host.records.remove(record.id);
}

async function endProcesses(host: Pick<TaskHost, "facts" | "clock">, record: TaskRecord): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    thaw(host.facts, record.cgroup);
    const pids = cgroupProcesses(host.facts, record.cgroup);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await host.clock.sleep(5);
  }
  throw fail("internal", "task.unkillable", `processes of ${record.id} do not end`, {
    hint: `see them with: ps -o pid,stat,wchan,args -p ${cgroupProcesses(host.facts, record.cgroup).join(",")}`,
  });
}
