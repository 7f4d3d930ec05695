import { join } from "node:path";
import { fail } from "../base/index.ts";
import type { DaemonIdentity } from "../host/index.ts";

/**
 * What is kept on disk for tasks:
 *
 * ```text
 * ROOT/run/
 *   tasks/ID.json        our own record: bundle, cgroup, pids; see TaskRecord
 *   runtime/NAME/ID/     the OCI runtime's own state (crun --root)
 *   exits/ID             exit code, written by conmon when the first process ends; its mtime is the time of the end
 * BUNDLE/                (a folder of the container, named at `create`)
 *   config.json          the OCI runtime configuration
 *   pid                  of the first process
 *   attach, ctl, winsz   conmon's socket and fifos
 *   oom                  made by conmon when the kernel kills for want of memory
 *   runtime.log          the OCI runtime's own words, as JSON
 *   exec-ID.*            files of an exec while it starts
 * ```
 */
export interface TaskLayout {
  readonly tasks: string;
  readonly exits: string;
  record(id: string): string;
  exit(id: string): string;
  runtimeRoot(runtime: string): string;
}

export function taskLayout(identity: DaemonIdentity): TaskLayout {
  const tasks = identity.path("run", "tasks");
  const exits = identity.path("run", "exits");
  return {
    tasks,
    exits,
    record: (id) => join(tasks, `${checkedId(id)}.json`),
    exit: (id) => join(exits, checkedId(id)),
    runtimeRoot: (runtime) => identity.path("run", "runtime", checkedId(runtime)),
  };
}

/** Files in a bundle. */
export function bundleFiles(bundle: string) {
  return {
    config: join(bundle, "config.json"),
    pid: join(bundle, "pid"),
    attach: join(bundle, "attach"),
    control: join(bundle, "ctl"),
    windowSize: join(bundle, "winsz"),
    oom: join(bundle, "oom"),
    runtimeLog: join(bundle, "runtime.log"),
    exec: (id: string, suffix: string) => join(bundle, `exec-${checkedId(id)}.${suffix}`),
  };
}

/** An id becomes a file name: nothing that could be a path. */
export function checkedId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)) return id;
  throw fail("invalid", "task.id-invalid", `invalid task id: '${id}'`);
}
