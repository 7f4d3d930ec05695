import { readdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { errnoOf, toVirgaError } from "../../base/index.ts";
import { removeTree, unmountAll } from "../../host/index.ts";
import type { TaskExit, TaskState } from "../../runtimes/index.ts";
import { volumesOf } from "./create.ts";
import { emit, setStatus, type Engine } from "../engine.ts";
import { handleExit } from "./exit.ts";
import { startHealth } from "../health/health.ts";
import { forwardLog } from "../logs/forward.ts";
import type { Entry } from "../registry.ts";
import { sweepSources } from "../files/mount-sources.ts";
import { finishChange, type UnfinishedChange } from "../recreate/index.ts";
import { removeStopped } from "./remove.ts";
import { startsWithDaemon } from "./restart-policy.ts";
import { scheduleRestart } from "./restarts.ts";
import { closeSharedMemory, folderOf } from "../files/shared-memory.ts";
import { forgetTask } from "./task.ts";
import { overlayOf } from "../files/rootfs.ts";
import { closeWritableLayer } from "../files/writable-layer.ts";
import { runningSandboxes } from "./uses.ts";

/** What Docker shows for a container whose end nobody saw (a reboot). */
const unknownExitCode = 255;

/**
 * Brings memory, database and machine into agreement at the daemon's start: what runs is taken up again, what ended
 * meanwhile is handled as if it ended now, what was half made or half removed goes. Then the networks, and last the
 * containers that are to run again.
 */
export async function recoverContainers(engine: Engine): Promise<void> {
  for (const record of engine.store.load()) {
    engine.registry.add(record);
    if (record.container.state.status !== "running") continue;
    engine.rootfs.adopt(record);
    for (const name of volumesOf(record.container.mounts)) engine.volumes.adopt(name, record.container.id);
  }
  const entries = [...engine.registry.entries.values()];
  const changes = new Map(engine.store.unfinishedChanges().map((one) => [one.container, one]));
  for (const entry of entries) entry.changing = changes.has(entry.record.container.id);
  const tasks = new Map(
    await Promise.all(
      entries.map(async (entry) => {
        const { id } = entry.record.container;
        return [id, await engine.runtime.inspect(id)] as const;
      }),
    ),
  );
  const ended = new Map<string, () => Promise<void>>();
  await Promise.all(
    entries.map((entry) =>
      guarded(engine, entry, async () => {
        const later = await takeUp(engine, entry, tasks.get(entry.record.container.id)!);
        if (later) ended.set(entry.record.container.id, later);
      }),
    ),
  );
  // The pid of one that has ended may be another process's by now: nothing is plugged in there.
  const sandboxes = runningSandboxes(engine.registry);
  await engine.networks.reconcile({
    running: () => sandboxes.running().filter(({ sandbox }) => !ended.has(sandbox.containerId)),
  });
  await releaseStrayEndpoints(engine);
  await removeStrayFolders(engine);
  await Promise.all([...ended.values()].map((handle) => handle()));
  await finishChanges(engine, changes);
  await removeStrayVolumes(engine);
  await engine.volumes.sweep();
  for (const entry of engine.registry.entries.values()) startAgain(engine, entry);
}

async function finishChanges(engine: Engine, changes: ReadonlyMap<string, UnfinishedChange>): Promise<void> {
  for (const [id, change] of changes) {
    const entry = engine.registry.entries.get(id);
    if (entry) await guarded(engine, entry, () => finishChange(engine, entry, change));
    else engine.store.endChange(id);
    if (entry) entry.changing = false;
  }
}

/** One container that cannot be recovered must not keep the others from it. */
async function guarded(engine: Engine, entry: Entry, work: () => Promise<void>): Promise<void> {
  try {
    await engine.locks.run(entry.record.container.id, work);
  } catch (error) {
    engine.logger.error("a container could not be recovered", {
      container: entry.record.container.id,
      error: toVirgaError(error),
    });
  }
}

/** Returns what is left to do once the networks are in order: the handling of an end that nobody saw. */
async function takeUp(
  engine: Engine,
  entry: Entry,
  task: TaskState,
): Promise<(() => Promise<void>) | undefined> {
  const { container } = entry.record;
  sweepSources(container);
  if (container.state.status === "running") return await takeUpRunning(engine, entry, task);
  // Also when the runtime knows nothing of it: a task may have been in the making.
  entry.taskLeft = true;
  await forgetTask(engine, entry);
  await engine.layers.unmount(overlayOf(entry.record));
  await closeWritableLayer(overlayOf(entry.record));
  closeSharedMemory(container);
  const { status } = container.state;
  // One with autoRemove that does not run has nobody left who would start it.
  const goes = container.spec.autoRemove && !entry.changing && (status === "created" || status === "exited");
  if (status === "removing" || goes) {
    const volumes = entry.record.takesVolumes ?? container.spec.autoRemove ?? false;
    await removeStopped(engine, entry, { volumes });
  } else if (!existsSync(container.folder) && status !== "dead") {
    setStatus(engine, entry, {
      state: { status: "dead", error: "its folder is gone, and its files with it" },
    });
  }
  return undefined;
}

async function takeUpRunning(
  engine: Engine,
  entry: Entry,
  task: TaskState,
): Promise<(() => Promise<void>) | undefined> {
  const { container } = entry.record;
  const { state } = container;
  if (state.status !== "running") return undefined;
  if (task.status === "stopped" || task.status === "unknown") {
    const exit: TaskExit =
      task.status === "stopped"
        ? task.exit
        : { exitCode: unknownExitCode, endedAt: engine.clock.now(), oomKilled: false };
    if (entry.record.unhealthy) entry.stopping = "unhealthy";
    if (entry.changing) entry.stopping = "restart";
    return () =>
      guarded(engine, entry, async () => {
        await handleExit(engine, entry, exit);
        forwardLog(engine, entry);
      });
  }
  // Created only: the daemon died between writing the row and letting the process go.
  if (task.status === "created") await engine.runtime.start(container.id);
  setStatus(engine, entry, { state: { ...state, pid: task.pid, paused: task.status === "paused" } });
  if (task.status === "created") emit(engine, entry, "start");
  startHealth(engine, entry);
  forwardLog(engine, entry);
  return undefined;
}

/** Folders of containers that were never finished, or whose row is gone already. */
async function removeStrayFolders(engine: Engine): Promise<void> {
  const parent = engine.identity.path("containers");
  for (const name of await namesIn(parent)) {
    if (engine.registry.entries.has(name)) continue;
    try {
      await engine.runtime.delete(name, true);
      await engine.layers.unmount(`${parent}/${name}/overlay`);
      await closeWritableLayer(`${parent}/${name}/overlay`);
      sweepSources({ folder: `${parent}/${name}` });
      unmountAll(folderOf({ folder: `${parent}/${name}` }), { lazy: true });
      await removeTree(`${parent}/${name}`, { within: parent });
    } catch (error) {
      engine.logger.warn("a folder that belongs to no container could not be removed", {
        folder: `${parent}/${name}`,
        error: toVirgaError(error),
      });
    }
  }
}

/** Anonymous volumes made for a container that was never finished. */
async function removeStrayVolumes(engine: Engine): Promise<void> {
  for (const { container, name } of engine.store.plannedVolumes()) {
    try {
      await engine.volumes.remove(name, true);
    } catch (error) {
      engine.logger.warn("an anonymous volume could not be removed", {
        volume: name,
        error: toVirgaError(error),
      });
    }
    engine.store.forgetVolumes(container);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Addresses reserved for a container that was never finished. */
async function releaseStrayEndpoints(engine: Engine): Promise<void> {
  for (const network of engine.networks.list()) {
    for (const endpoint of engine.networks.endpointsOf(network.id)) {
      const entry = engine.registry.entries.get(endpoint.containerId);
      if (entry?.record.container.endpoints.some((one) => one.id === endpoint.id)) continue;
      await engine.networks.release(endpoint.id);
    }
  }
}

/** Restarts that were due when the daemon died, and what its policy brings back with the daemon. */
function startAgain(engine: Engine, entry: Entry): void {
  const { spec, state, stoppedByUser } = entry.record.container;
  if (entry.restartWait) return;
  if (state.status === "restarting") return scheduleRestart(engine, entry, 0);
  if (state.status !== "exited" || !startsWithDaemon(spec.restart, stoppedByUser)) return;
  const { startedAt, finishedAt, exitCode } = state;
  setStatus(engine, entry, { state: { status: "restarting", startedAt, finishedAt, exitCode } });
  scheduleRestart(engine, entry, 0);
}
