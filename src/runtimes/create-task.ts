import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, normalize } from "node:path";
import { fail } from "../base/index.ts";
import { readProcess } from "../host/index.ts";
import { taskOptions } from "./families.ts";
import { cgroupToMake } from "./foreign-cgroup.ts";
import { lastLoggedError, runtimeFailure } from "./failure.ts";
import { bundleFiles } from "./layout.ts";
import { startMonitor, type Monitor, type MonitorOptions } from "./monitor.ts";
import type { OciProgram } from "./programs.ts";
import { reserveRealtime } from "./realtime.ts";
import type { TaskRecord } from "./records.ts";
import { removeTraces, type RemovalHost } from "./remove-task.ts";
import type { TaskSpec } from "./runtime.ts";
import type { SeccompCache } from "./seccomp-cache.ts";

export interface TaskHost extends MonitorOptions, RemovalHost {
  /** identity.cgroupParent: every task's cgroup is below it. */
  readonly cgroupParent: string;
  readonly warmUp: () => Promise<void>;
  readonly seccomp: SeccompCache;
}

/** Creates the task's first process, which then waits to be started. All or nothing. */
export async function createTask(
  host: TaskHost,
  spec: TaskSpec,
  plain: OciProgram,
  signal: AbortSignal | undefined,
): Promise<{ readonly record: TaskRecord; readonly monitor: Monitor }> {
  signal?.throwIfAborted();
  await using undo = new AsyncDisposableStack();
  const options = taskOptions(plain.family, spec.config);
  const program = plain.with(options);
  const draft = draftRecord(host, spec, options);
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

  reserveRealtime(host.facts, draft.cgroup, spec.config);
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

function draftRecord(host: TaskHost, spec: TaskSpec, options: readonly string[]): TaskRecord {
  const linux = spec.config["linux"] as { cgroupsPath?: string } | undefined;
  const cgroup = normalize(linux?.cgroupsPath ?? "/");
  // Whatever is in the task's cgroup is killed at its end, so it must be one of our own.
  const own = cgroup.startsWith(`${host.cgroupParent}/`);
  if (!own && basename(cgroup) !== spec.id) {
    throw fail(
      "internal",
      "task.foreign-cgroup",
      `linux.cgroupsPath must be below ${host.cgroupParent}, or end with the task's id: ${cgroup}`,
    );
  }
  const madeCgroup = own ? undefined : cgroupToMake(host.facts, host.records, cgroup);
  return {
    id: spec.id,
    runtime: spec.runtime,
    bundle: spec.bundle,
    cgroup,
    ...(madeCgroup === undefined ? {} : { madeCgroup }),
    boot: host.boot,
    tty: spec.tty,
    stdin: spec.stdin,
    stdinOnce: spec.stdinOnce,
    logPath: spec.log.kind === "file" ? spec.log.path : null,
    hooks: spec.config["hooks"] !== undefined,
    ...(options.length === 0 ? {} : { options }),
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
