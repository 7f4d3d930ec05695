import { fail, KeyedLock, type Clock, type Logger } from "../base/index.ts";
import { bootId, readCgroupFacts, type DaemonIdentity, type ThreadNamespaces } from "../host/index.ts";
import { createTask, type TaskHost } from "./create-task.ts";
import { ExitWatch } from "./exits.ts";
import { checkedId, taskLayout } from "./layout.ts";
import { openPrograms, type OciProgram, type OciPrograms, type RuntimeProgram } from "./programs.ts";
import { openRecords, type TaskRecord } from "./records.ts";
import { removeTraces } from "./remove-task.ts";
import type { Runtime, TaskState } from "./runtime.ts";
import { runningTasks } from "./running.ts";
import { createSeccompCache } from "./seccomp-cache.ts";
import { startTask } from "./start-task.ts";
import { StreamRegistry } from "./stream-registry.ts";
import { createWarmUp } from "./warm-up.ts";
import { liveState, readExit } from "./task-state.ts";

export interface RuntimeDependencies {
  readonly identity: DaemonIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespaces: ThreadNamespaces;
  /** The OCI runtimes that can be asked for, by name. */
  readonly runtimes: Readonly<Record<string, RuntimeProgram>>;
  /** Path of conmon, or a name to be found in PATH (the default is `conmon`). */
  readonly conmon?: string;
}

/** Tasks by conmon and OCI runtimes. Finds those of an earlier daemon on disk. */
export async function createRuntime(dependencies: RuntimeDependencies): Promise<Runtime> {
  const { identity, clock, logger, namespaces } = dependencies;
  const layout = taskLayout(identity);
  const facts = readCgroupFacts();
  const boot = bootId();
  await using stack = new AsyncDisposableStack();
  const records = openRecords(layout, logger);
  const programs = stack.use(openPrograms({ runtimes: dependencies.runtimes, layout, namespaces, logger }));
  const attached = new StreamRegistry();
  stack.defer(() => attached.closeAll());
  const exits = stack.use(
    new ExitWatch({ layout, records, facts, boot, clock, logger, onScan: (one) => attached.relieve(one) }),
  );
  const warmUp = createWarmUp(facts);
  const host: TaskHost = {
    warmUp,
    relieve: (record) => attached.relieve(record),
    seccomp: createSeccompCache(),
    records, facts, boot, clock, layout,
    cgroupParent: identity.cgroupParent,
    conmon: dependencies.conmon ?? "conmon",
  }; // prettier-ignore
  const programOf = (record: TaskRecord) => programs.find(record.runtime).with(record.options ?? []);
  const stateOf = stateReader(host, programOf);
  const resources = stack.move();
  return {
    ...lifeOfTasks({ host, programs, programOf, stateOf, exits }),
    warmUp,
    require: (name) => void programs.get(name),
    abilities(name) {
      const { ownKernel, updates } = programs.find(name).family;
      return { ownKernel, updates };
    },
    ...runningTasks({ warmUp, records, facts, clock, attached, programOf, stateOf }),
    onExit: (listener) => exits.onExit(listener),
    close: () => resources.disposeAsync(),
  };
}

function stateReader(host: TaskHost, programOf: (record: TaskRecord) => OciProgram) {
  const { layout, facts, boot } = host;
  return (record: TaskRecord): TaskState => {
    const exit = readExit(layout, facts, record);
    if (exit !== undefined) return { status: "stopped", exit };
    const live = record.boot === boot ? liveState(record, programOf(record), facts) : undefined;
    if (live !== undefined) return live;
    // It may have ended between the two looks.
    const late = readExit(layout, facts, record);
    return late === undefined ? { status: "unknown" } : { status: "stopped", exit: late };
  };
}

/** Creation, start and removal: one call at a time for each task. */
function lifeOfTasks(options: {
  readonly host: TaskHost;
  readonly programs: OciPrograms;
  readonly programOf: (record: TaskRecord) => OciProgram;
  readonly stateOf: (record: TaskRecord) => TaskState;
  readonly exits: ExitWatch;
}): Pick<Runtime, "create" | "start" | "delete" | "inspect"> {
  const { host, programs, programOf, stateOf, exits } = options;
  const { records, clock } = host;
  const locks = new KeyedLock();
  const remove = async (record: TaskRecord) => {
    exits.silence(record.id);
    await removeTraces(host, record, programOf(record));
    exits.forget(record.id);
  };
  return {
    create: async (spec, signal) =>
      await locks.run(checkedId(spec.id), async () => {
        const program = programs.get(spec.runtime);
        const known = records.get(spec.id);
        if (known !== undefined) {
          if ("pid" in stateOf(known)) throw taskExists(spec.id);
          await remove(known); // left over from a crash or an earlier boot
        }
        const { record, monitor } = await createTask(host, spec, program, signal);
        void monitor.exited.then(() => exits.check(record));
        return { pid: record.process!.pid };
      }),
    start: (id) =>
      locks.run(id, async () => {
        const record = records.require(id);
        const program = programOf(record);
        await startTask(record, program, clock);
        if (!program.family.heldAtFifo) records.save({ ...record, started: true });
      }),
    delete: (id, force = false) =>
      locks.run(id, async () => {
        const record = records.get(id);
        if (record === undefined) return;
        if (!force && "pid" in stateOf(record)) {
          throw fail("conflict", "task.running", `the container ${id} is running`, { hint: "stop it first" });
        }
        await remove(record);
      }),
    async inspect(id) {
      const record = records.get(id);
      return record === undefined ? { status: "unknown" } : stateOf(record);
    },
  };
}

function taskExists(id: string): Error {
  return fail("conflict", "task.exists", `the container ${id} has a task already`);
}
