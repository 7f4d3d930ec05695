import type { ImageUse, LayerUse } from "../images/index.ts";
import { parseLinkName, removeLink } from "./connections/unlink.ts";
import { privateNames } from "./connections/links.ts";
import type { PrivateName, RunningSandboxes } from "../networks/index.ts";
import type { VolumeUse } from "../volumes/index.ts";
import { attachContainer } from "./attach.ts";
import { renameContainer } from "./lifecycle/change.ts";
import { changesOf, commitContainer } from "./files/commit.ts";
import { connectNetwork, disconnectNetwork } from "./connections/connect.ts";
import type { Containers } from "./container.ts";
import { archivePath, exportContainer, extractInto, statContainerPath } from "./files/copy.ts";
import { createContainer } from "./lifecycle/create.ts";
import { createEngine, emit, exclusively, type ContainersDependencies, type Engine } from "./engine.ts";
import { checkExec, createExec, resizeExec, startExec } from "./exec/exec.ts";
import { needRunning } from "./exec/process.ts";
import { watchExits } from "./lifecycle/exit.ts";
import { stopHealth } from "./health/health.ts";
import { kill, pause, remove, restart, start, stop, wait } from "./lifecycle/lifecycle.ts";
import { rotateLogs } from "./logs/rotation.ts";
import { readLogs } from "./logs/logs.ts";
import { prunable, prune } from "./lifecycle/prune.ts";
import { recoverContainers } from "./lifecycle/recover.ts";
import { planChange, recreate } from "./recreate/index.ts";
import type { Entry } from "./registry.ts";
import { sizeOf } from "./files/size.ts";
import { topOf } from "./exec/top.ts";
import { updateContainer } from "./lifecycle/update.ts";
import { imageUse, layerUse, runningSandboxes, volumeUse } from "./lifecycle/uses.ts";

/** The service, and what other services ask it for by way of the composition root. */
export interface ContainersService extends Containers {
  readonly imageUse: ImageUse;
  readonly layerUse: LayerUse;
  readonly volumeUse: VolumeUse;
  readonly sandboxes: RunningSandboxes;
  readonly privateNames: () => readonly PrivateName[];
}

const sweepMs = 60_000;

export function createContainers(dependencies: ContainersDependencies): ContainersService {
  const engine = createEngine(dependencies);
  const find = (name: string) => engine.registry.resolve(name);
  const timers = new DisposableStack();
  return {
    ...lifecycle(engine, find),
    ...streams(engine, find),
    ...files(engine, find),
    get: (name) => find(name).record.container,
    list: () => [...engine.registry.entries.values()].map((entry) => entry.record.container),
    size: (name) => sizeOf(engine, find(name).record),
    async stats(name) {
      const entry = find(name);
      needRunning(entry, { paused: true });
      return await engine.runtime.stats(entry.record.container.id);
    },
    async top(name, arguments_) {
      return await topOf(engine, find(name), arguments_);
    },
    imageUse: imageUse(engine.registry),
    layerUse: layerUse(engine.registry),
    volumeUse: volumeUse(engine.registry),
    sandboxes: runningSandboxes(engine.registry),
    privateNames: () => privateNames(engine),
    async recover() {
      timers.use(watchExits(engine));
      await recoverContainers(engine);
      timers.use(rotateLogs(engine));
      timers.use(engine.clock.every(sweepMs, () => engine.execs.sweep()));
    },
    async close() {
      timers.dispose();
      const entries = [...engine.registry.entries.values()];
      for (const entry of entries) stopHealth(entry);
      await engine.background.close();
      return {
        stillRunning: entries.filter((one) => one.record.container.state.status === "running").length,
      };
    },
  };
}

type Find = (name: string) => Entry;

function lifecycle(engine: Engine, find: Find) {
  const locked = <T>(name: string, work: (entry: Entry) => Promise<T>): Promise<T> => {
    const entry = find(name);
    return exclusively(engine, entry, () => work(entry));
  };
  return {
    create: async (spec) => await createContainer(engine, spec),
    start: async (name) => await start(engine, find(name)),
    stop: async (name, options = {}) => await stop(engine, find(name), options),
    restart: async (name, options = {}) => await restart(engine, find(name), options),
    kill: async (name, signal) => await kill(engine, find(name), signal),
    pause: async (name) => await pause(engine, find(name), true),
    resume: async (name) => await pause(engine, find(name), false),
    rename: async (name, newName) => await locked(name, (entry) => renameContainer(engine, entry, newName)),
    update: async (name, change) => await locked(name, (entry) => updateContainer(engine, entry, change)),
    planChange: async (name, change, options = {}) => await planChange(engine, find(name), change, options),
    recreate: async (name, change, options = {}) => await recreate(engine, find(name), change, options),
    remove: async (name, options = {}) => await remove(engine, find(name), options),
    prune: async (options) => await prune(engine, options),
    prunable: (options) => prunable(engine, options).map(({ record }) => record.container),
    wait(name, condition, signal) {
      const past = engine.waits.remembered(name);
      return past === undefined ? wait(engine, find(name), condition, signal) : Promise.resolve(past);
    },
    connect: async (name, network, settings) =>
      await locked(name, (entry) => connectNetwork(engine, entry, network, settings)),
    disconnect: async (name, network) =>
      await locked(name, (entry) => disconnectNetwork(engine, entry, network)),
    unlink: async (link) => {
      const { parent, alias } = parseLinkName(link);
      await locked(parent, (entry) => removeLink(engine, entry, alias));
    },
    commit: async (name, options) => await locked(name, (entry) => commitContainer(engine, entry, options)),
  } satisfies Partial<Containers>;
}

function streams(engine: Engine, find: Find) {
  return {
    logs: (name, options, signal) => readLogs(engine, find(name), options, signal),
    async attach(name, options) {
      const entry = find(name);
      return await exclusively(engine, entry, () => attachContainer(engine, entry, options));
    },
    async resize(name, columns, rows) {
      const entry = find(name);
      needRunning(entry, { paused: true });
      await engine.runtime.resize(entry.record.container.id, columns, rows);
      emit(engine, entry, "resize", { height: String(rows), width: String(columns) });
    },
    createExec: (name, request) => createExec(engine, find(name), request),
    getExec: (id) => engine.execs.get(id).exec,
    checkExec: (id) => void checkExec(engine, id),
    startExec: async (id, options) => await startExec(engine, id, options),
    resizeExec: async (id, columns, rows) => await resizeExec(engine, id, columns, rows),
    runningExecs: (name) => engine.execs.runningIn(find(name).record.container.id),
    waitExec: async (id) => await engine.execs.get(id).ended.promise,
  } satisfies Partial<Containers>;
}

function files(engine: Engine, find: Find) {
  return {
    changes: async (name) => await changesOf(engine, find(name)),
    archive: async (name, path, signal) => await archivePath(engine, find(name), path, signal),
    statPath: async (name, path) => await statContainerPath(engine, find(name), path),
    extract: async (name, path, tar, options) => await extractInto(engine, find(name), path, tar, options),
    export: async (name, signal) => await exportContainer(engine, find(name), signal),
  } satisfies Partial<Containers>;
}
