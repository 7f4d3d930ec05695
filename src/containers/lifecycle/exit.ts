import { toVirgaError } from "../../base/index.ts";
import type { TaskExit } from "../../runtimes/index.ts";
import type { Container, ContainerState } from "../container.ts";
import { emit, type Engine } from "../engine.ts";
import { stopHealth } from "../health/health.ts";
import type { ContainerRecord } from "../record.ts";
import type { Entry } from "../registry.ts";
import { removeStopped } from "./remove.ts";
import { restartDelay } from "./restart-policy.ts";
import { scheduleRestart } from "./restarts.ts";
import { unhealthyDelay } from "../health/unhealthy.ts";
import { releaseVolumes } from "../files/mount-sources.ts";
import { closeSharedMemory } from "../files/shared-memory.ts";
import { announceUses } from "./use-events.ts";

/** So long may a client take for the last output. */
const longestHearingMs = 2000;

/** Handles the ends of all tasks from now on, each under its container's lock. */
export function watchExits(engine: Engine): Disposable {
  return engine.runtime.onExit((id, exit) => {
    engine.background.run("the end of a container could not be handled", () =>
      engine.locks.run(id, async () => {
        const entry = engine.registry.entries.get(id);
        if (entry) await handleExit(engine, entry, exit);
      }),
    );
  });
}

/**
 * A container's process has ended. First the exit code is written down (the runtime's own record goes away below),
 * then its ports and addresses are free, then it is seen as exited, and last the task and the mount are taken away.
 * The caller holds the lock.
 */
export async function handleExit(engine: Engine, entry: Entry, exit: TaskExit): Promise<void> {
  const { container } = entry.record;
  // A start under way undoes itself, and that ends the task too.
  if (container.state.status !== "running") return;
  stopHealth(entry);
  const { startedAt } = container.state;
  const delay = delayAfter(entry, exit, startedAt);
  const state = stateAfter(startedAt, exit, delay !== undefined);
  // As Docker has it: what is not checked any more counts as unhealthy, with its last probes.
  const health = container.health && { health: { ...container.health, status: "unhealthy" as const } };
  const after: Container = { ...container, ...health, state, publishedPorts: [] };
  const before = entry.record;
  const { unhealthy: _unhealthy, ...kept } = before;
  const record = { ...kept, attached: [], container: after };
  const written = keepExit(engine, record);
  const torndown = Promise.all([
    written ? deleteTask(engine, entry) : undefined,
    quietly(engine, engine.rootfs.release(before)),
    releaseVolumes(engine, before.container),
    quietly(engine, (async () => closeSharedMemory(before.container))()),
  ]);
  await Promise.all([releaseNetwork(engine, before.container, container.state.pid), allHeard(engine, entry)]);
  announceUses(engine, entry, "given back");
  entry.record = record;
  entry.config = undefined;
  announce(engine, entry, startedAt, exit);
  if (!written) entry.taskLeft = true;
  const removes = container.spec.autoRemove && (entry.stopping === undefined || entry.stopping === "stop");
  if (entry.stopping !== "restart" && entry.stopping !== "remove") entry.stopping = undefined;
  engine.waits.exited(container.id, { exitCode: exit.exitCode });
  await torndown;
  if (removes) await removeStopped(engine, entry, { volumes: true });
  else if (delay !== undefined) scheduleRestart(engine, entry, delay);
}

/** As dockerd: clients have its last output before they hear of its end, unless one does not read. */
async function allHeard(engine: Engine, entry: Entry): Promise<void> {
  if (entry.audience.size === 0) return;
  const late = new AbortController();
  await Promise.race([
    Promise.all(entry.audience),
    engine.clock.sleep(longestHearingMs, late.signal).catch(() => {}),
  ]);
  late.abort(new Error("all have heard"));
}

/** The pause before its next start; undefined when there is to be none. */
function delayAfter(entry: Entry, exit: TaskExit, startedAt: Date): number | undefined {
  const { container } = entry.record;
  const stopped = entry.stopping !== undefined || container.stoppedByUser;
  if (entry.stopping === "unhealthy" && !container.stoppedByUser) return unhealthyDelay(entry, exit.exitCode);
  entry.restartReason = undefined;
  return restartDelay({
    policy: container.spec.restart,
    exitCode: exit.exitCode,
    ranMs: exit.endedAt.getTime() - startedAt.getTime(),
    restartCount: container.restartCount,
    stopped,
    backoffMs: entry.backoffMs,
  });
}

/** On a full disk the runtime's record of the exit stays: the next daemon learns of it from there. */
function keepExit(engine: Engine, record: ContainerRecord): boolean {
  try {
    engine.store.saveStatus(record);
    return true;
  } catch (error) {
    engine.logger.error("the end of a container could not be stored", {
      container: record.container.id,
      error,
    });
    return false;
  }
}

function stateAfter(startedAt: Date, exit: TaskExit, restarts: boolean): ContainerState {
  const { endedAt: finishedAt, exitCode, oomKilled } = exit;
  if (restarts) return { status: "restarting", startedAt, finishedAt, exitCode };
  return { status: "exited", startedAt, finishedAt, exitCode, oomKilled };
}

function announce(engine: Engine, entry: Entry, startedAt: Date, exit: TaskExit): void {
  if (exit.oomKilled) emit(engine, entry, "oom");
  const seconds = Math.max(0, Math.floor((exit.endedAt.getTime() - startedAt.getTime()) / 1000));
  emit(engine, entry, "die", { exitCode: String(exit.exitCode), execDuration: String(seconds) });
}

async function releaseNetwork(engine: Engine, container: Container, pid: number): Promise<void> {
  const { id, endpoints, publishedPorts } = container;
  await Promise.all([
    publishedPorts.length === 0 ? undefined : quietly(engine, engine.networks.unpublish(id)),
    endpoints.length === 0
      ? undefined
      : quietly(engine, engine.networks.detach({ containerId: id, pid }, endpoints)),
  ]);
}

async function deleteTask(engine: Engine, entry: Entry): Promise<void> {
  const { id } = entry.record.container;
  try {
    await engine.runtime.delete(id);
  } catch (error) {
    entry.taskLeft = true;
    engine.logger.warn("a task could not be deleted yet", { container: id, error: toVirgaError(error) });
  }
}

/** The process has ended whatever happens here: what cannot be taken away now is left to `recover`, and told. */
async function quietly(engine: Engine, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    engine.logger.warn("something of an ended container could not be taken away", {
      error: toVirgaError(error),
    });
  }
}
