import { fail, isVirgaError } from "../base/index.ts";
import type { Container } from "./container.ts";
import { emit, setStatus, type Engine } from "./engine.ts";
import { setContainer, type Entry } from "./registry.ts";
import { SIGKILL, signalNumber } from "./signals.ts";
import type { ExitResult } from "./waits.ts";

export interface StopOptions {
  readonly timeout?: number;
  readonly signal?: string;
}

const defaultTimeoutSeconds = 10;
/** A process that SIGKILL does not end within this time hangs in the kernel. */
const killTimeoutMs = 10_000;

/**
 * Asks the container to stop, and ends it when it does not. The lock is held only to decide and to send the signal:
 * the exit is handled under the same lock. Returns when the exit was handled. False when it did not run.
 */
export async function stopRunning(
  engine: Engine,
  entry: Entry,
  purpose: "stop" | "restart" | "remove",
  options: StopOptions = {},
): Promise<boolean> {
  const { container } = entry.record;
  const signal = signalNumber(options.signal ?? stopSignalOf(container));
  const seconds =
    options.timeout ?? container.spec.stopTimeout ?? container.process.StopTimeout ?? defaultTimeoutSeconds;
  const exited = await engine.locks.run(container.id, async () => {
    if (entry.record.container.state.status !== "running") return undefined;
    entry.stopping = purpose;
    markStopped(engine, entry, purpose);
    // In an object, because a promise given to a promise is waited for.
    const ended = { exit: engine.waits.add(container.id, "next-exit") };
    await send(engine, entry, signal);
    return ended;
  });
  if (!exited) return false;
  if (await endsWithin(engine, exited.exit, seconds < 0 ? undefined : seconds * 1000)) return true;
  await send(engine, entry, SIGKILL, true);
  if (await endsWithin(engine, exited.exit, killTimeoutMs)) return true;
  throw fail(
    "unavailable",
    "container.not-stopping",
    `container ${container.id} did not end ${killTimeoutMs / 1000} s after SIGKILL`,
    {
      hint: `its process hangs in the kernel: look at /proc/PID/stack of the pids of docker top ${container.name}`,
    },
  );
}

export function stopSignalOf(container: Container): string {
  return container.process.StopSignal || "SIGTERM";
}

/** Remembered over a crash, so that `unless-stopped` stays down. A restart brings it back up anyway. */
export function markStopped(engine: Engine, entry: Entry, purpose: "stop" | "restart" | "remove"): void {
  if (purpose === "stop" && !entry.record.container.stoppedByUser) {
    setStatus(engine, entry, { stoppedByUser: true });
  }
}

/** Sends a signal; a paused container is let go so that it can end. One that has ended is no error: its exit is coming. */
export async function send(engine: Engine, entry: Entry, signal: number, all = false): Promise<void> {
  const { container } = entry.record;
  try {
    await engine.runtime.kill(container.id, signal, all);
  } catch (error) {
    if (isVirgaError(error) && error.code === "task.not-running") return;
    throw error;
  }
  emit(engine, entry, "kill", { signal: String(signal) });
  const { state } = entry.record.container;
  if (state.status !== "running" || !state.paused) return;
  await engine.runtime.resume(container.id);
  setContainer(entry, { state: { ...state, paused: false } });
}

/** True when the exit was handled in time; `ms` undefined waits without end. */
export async function endsWithin(
  engine: Engine,
  exit: Promise<ExitResult>,
  ms: number | undefined,
): Promise<boolean> {
  const ended = exit.then(() => true);
  if (ms === undefined) return await ended;
  const timer = new AbortController();
  const timeout = engine.clock.sleep(ms, timer.signal).then(
    () => false,
    () => false,
  );
  const result = await Promise.race([ended, timeout]);
  timer.abort();
  return result;
}
