import { fail } from "../../base/index.ts";
import type { Container, Stopped, WaitCondition } from "../container.ts";
import { emit, exclusively, setStatus, type Engine } from "../engine.ts";
import { setContainer, type Entry } from "../registry.ts";
import { removeStopped, stillRunning } from "./remove.ts";
import { cancelRestart } from "./restarts.ts";
import { SIGKILL, signalNumber } from "./signals.ts";
import { startContainer } from "./start.ts";
import { errorOf, exitCodeOf, isActive, refuseGoing } from "../state.ts";
import { endsWithin, send, stopRunning, stopSignalOf, type StopOptions } from "./stop.ts";
import type { ExitResult } from "./waits.ts";

export async function start(engine: Engine, entry: Entry): Promise<void> {
  await exclusively(engine, entry, async () => {
    const { name, state } = entry.record.container;
    if (state.status === "running") {
      if (!state.paused)
        throw fail("not-modified", "container.already-started", `container ${name} runs already`);
      throw fail("conflict", "container.paused", "cannot start a paused container, try unpause instead", {
        hint: `virga unpause ${name}`,
      });
    }
    refuseGoing(state);
    // Started by hand, it starts counting anew; a restart that was due is taken over.
    entry.restartWait?.abort();
    entry.restartWait = undefined;
    entry.backoffMs = 0;
    entry.restartReason = undefined;
    setContainer(entry, { restartCount: 0 });
    try {
      await startContainer(engine, entry);
    } catch (error) {
      if (entry.record.container.spec.autoRemove) await removeStopped(engine, entry, { volumes: true });
      throw error;
    }
  });
}

export async function stop(engine: Engine, entry: Entry, options: StopOptions): Promise<Stopped> {
  const stopped = await halt(engine, entry, "stop", options);
  if (!stopped) {
    const { name } = entry.record.container;
    throw fail("not-modified", "container.already-stopped", `container ${name} does not run`);
  }
  emit(engine, entry, "stop");
  return stopped;
}

export async function restart(engine: Engine, entry: Entry, options: StopOptions): Promise<void> {
  if (await halt(engine, entry, "restart", options)) emit(engine, entry, "stop");
  await exclusively(engine, entry, async () => {
    if (entry.record.container.state.status === "running") return;
    refuseGoing(entry.record.container.state);
    setContainer(entry, { restartCount: 0 });
    entry.backoffMs = 0;
    await startContainer(engine, entry);
  });
  emit(engine, entry, "restart");
}

/** Ends its process, or takes back the restart it waits for. Undefined when there was nothing to end. */
export async function halt(
  engine: Engine,
  entry: Entry,
  purpose: "stop" | "restart" | "remove",
  options: StopOptions,
): Promise<Stopped | undefined> {
  for (;;) {
    const stopped = (await takeBack(engine, entry)) ? {} : await stopRunning(engine, entry, purpose, options);
    // It may have ended of itself between the two looks at it, to be started again.
    if (stopped || entry.record.container.state.status !== "restarting") return stopped;
  }
}

/** True when it waited for its next start: that is off then. */
async function takeBack(engine: Engine, entry: Entry): Promise<boolean> {
  return await engine.locks.run(entry.record.container.id, async () => {
    const restarting = entry.record.container.state.status === "restarting";
    if (restarting) cancelRestart(engine, entry);
    return restarting;
  });
}

export async function kill(engine: Engine, entry: Entry, signal = "SIGKILL"): Promise<void> {
  const number = signalNumber(signal);
  const { id } = entry.record.container;
  const ends = number === SIGKILL || number === signalNumber(stopSignalOf(entry.record.container));
  const ended = await exclusively(engine, entry, async () => {
    const { container } = entry.record;
    if (container.state.status === "restarting" && ends) {
      cancelRestart(engine, entry);
      return undefined;
    }
    if (container.state.status !== "running") {
      throw notRunning(container, `cannot kill container: ${container.name}: container ${id} is not running`);
    }
    if (ends) {
      entry.stopping = "stop";
      if (!container.stoppedByUser) setStatus(engine, entry, { stoppedByUser: true });
    }
    const exit = number === SIGKILL ? { promise: engine.waits.add(id, "next-exit") } : undefined;
    await send(engine, entry, number);
    return exit;
  });
  // After SIGKILL it is gone when this returns, unless it hangs in the kernel.
  if (ended) await endsWithin(engine, ended.promise, 10_000);
}

export async function pause(engine: Engine, entry: Entry, paused: boolean): Promise<void> {
  const { id } = entry.record.container;
  await exclusively(engine, entry, async () => {
    const { container } = entry.record;
    const { state } = container;
    if (!paused && (state.status !== "running" || !state.paused)) {
      throw fail("conflict", "container.not-paused", `Container ${id} is not paused`);
    }
    if (state.status !== "running") throw notRunning(container, `container ${id} is not running`);
    if (state.paused === paused) {
      throw fail("conflict", "container.already-paused", `container ${id} is already paused`);
    }
    await (paused ? engine.runtime.pause(id) : engine.runtime.resume(id));
    setStatus(engine, entry, { state: { ...state, paused } });
    emit(engine, entry, paused ? "pause" : "unpause");
  });
}

export async function remove(
  engine: Engine,
  entry: Entry,
  options: { readonly force?: boolean; readonly volumes?: boolean },
): Promise<void> {
  const { id } = entry.record.container;
  const removed = () =>
    engine.locks.run(id, async () => {
      // Gone meanwhile, by --rm or by another removal: what was asked for is done.
      if (!engine.registry.entries.has(id)) return true;
      if (options.force && isActive(entry.record.container.state)) return false;
      await removeStopped(engine, entry, { volumes: options.volumes ?? false });
      return true;
    });
  // Somebody else may start it again between its end and its removal.
  do {
    if (!isActive(entry.record.container.state)) continue;
    if (!options.force) throw stillRunning(entry.record.container);
    await halt(engine, entry, "remove", { signal: "SIGKILL", timeout: 10 });
  } while (!(await removed()));
}

/** Registers before it returns, so that nothing that happens from now on is missed. */
export function wait(
  engine: Engine,
  entry: Entry,
  condition: WaitCondition,
  signal?: AbortSignal,
): Promise<ExitResult> {
  const { id, state } = entry.record.container;
  if (condition !== "not-running") return engine.waits.add(id, condition, signal);
  if (isActive(state)) return engine.waits.add(id, "next-exit", signal);
  const error = errorOf(state);
  return Promise.resolve({ exitCode: exitCodeOf(state), ...(error === undefined ? {} : { error }) });
}

function notRunning(container: Container, text: string): Error {
  return fail("conflict", "container.not-running", text, { hint: `virga start ${container.name}` });
}
