import { fail, isVirgaError } from "../../base/index.ts";
import type { Container, StopExplanation, Stopped } from "../container.ts";
import { emit, setStatus, type Engine } from "../engine.ts";
import { explainStop } from "./explain-stop.ts";
import { setContainer, type Entry, type StopPurpose } from "../registry.ts";
import { SIGKILL, signalNumber } from "./signals.ts";
import type { ExitResult } from "./waits.ts";

export interface StopOptions {
  readonly timeout?: number;
  readonly signal?: string;
  /** Ends the waiting: the daemon stops, and the next one sees to it. */
  readonly giveUp?: AbortSignal;
}

const defaultTimeoutSeconds = 10;
/** A process that SIGKILL does not end within this time hangs in the kernel. */
const killTimeoutMs = 10_000;

/**
 * Asks the container to stop, and ends it when it does not. The lock is held only to decide and to send the signal:
 * the exit is handled under the same lock. Returns when the exit was handled. Undefined when it did not run.
 */
export async function stopRunning(
  engine: Engine,
  entry: Entry,
  purpose: StopPurpose,
  options: StopOptions = {},
): Promise<Stopped | undefined> {
  const { container } = entry.record;
  const signal = signalNumber(options.signal ?? stopSignalOf(container));
  const seconds = stopSeconds(container, options.timeout);
  const exited = await engine.locks.run(container.id, async () => {
    if (entry.record.container.state.status !== "running") return undefined;
    // Somebody's own stop counts more.
    if (purpose === "unhealthy" && entry.stopping !== undefined) return undefined;
    entry.stopping = purpose;
    markStopped(engine, entry, purpose);
    // In an object, because a promise given to a promise is waited for.
    const ended = { exit: engine.waits.add(container.id, "next-exit") };
    await send(engine, entry, signal);
    return ended;
  });
  if (!exited) return undefined;
  const { giveUp } = options;
  if (await endsWithin(engine, exited.exit, seconds < 0 ? undefined : seconds * 1000, giveUp)) return {};
  if (giveUp?.aborted) return {};
  const explanation =
    signal === SIGKILL || seconds === 0 ? undefined : explain(engine, entry, signal, seconds);
  await send(engine, entry, SIGKILL, { all: true, ...(explanation ? { why: explanation.message } : {}) });
  if (await endsWithin(engine, exited.exit, killTimeoutMs)) return explanation ? { explanation } : {};
  throw fail(
    "unavailable",
    "container.not-stopping",
    `container ${container.id} did not end ${killTimeoutMs / 1000} s after SIGKILL`,
    {
      hint: `its process hangs in the kernel: look at /proc/PID/stack of the pids of virga top ${container.name}`,
    },
  );
}

function explain(engine: Engine, entry: Entry, signal: number, seconds: number): StopExplanation | undefined {
  const { container } = entry.record;
  const explanation = explainStop(container, signal, seconds);
  if (!explanation) return undefined;
  const { message, advice, reason } = explanation;
  engine.logger.warn(`a container had to be killed: ${message}`, {
    container: container.id,
    name: container.name,
    reason,
    advice: advice.join("; "),
  });
  return explanation;
}

/** How long it is given to end by its signal. */
export function stopSeconds({ spec, process }: Container, timeout?: number): number {
  return timeout ?? spec.stopTimeout ?? process.StopTimeout ?? defaultTimeoutSeconds;
}

export function stopSignalOf(container: Container): string {
  return container.process.StopSignal || "SIGTERM";
}

/**
 * Remembered over a crash, so that `unless-stopped` stays down, and an unhealthy one comes up again. A restart brings
 * it back up anyway.
 */
export function markStopped(engine: Engine, entry: Entry, purpose: StopPurpose): void {
  if (purpose === "unhealthy") {
    entry.record = { ...entry.record, unhealthy: true };
    engine.store.saveStatus(entry.record);
  }
  if (purpose === "stop" && !entry.record.container.stoppedByUser) {
    setStatus(engine, entry, { stoppedByUser: true });
  }
}

/** Sends a signal; a paused container is let go so that it can end. One that has ended is no error: its exit is coming. */
export async function send(
  engine: Engine,
  entry: Entry,
  signal: number,
  { all = false, why }: { readonly all?: boolean; readonly why?: string } = {},
): Promise<void> {
  const { container } = entry.record;
  try {
    await engine.runtime.kill(container.id, signal, all);
  } catch (error) {
    if (isVirgaError(error) && error.code === "task.not-running") return;
    throw error;
  }
  emit(engine, entry, "kill", { signal: String(signal), ...(why === undefined ? {} : { reason: why }) });
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
  giveUp?: AbortSignal,
): Promise<boolean> {
  const ended = exit.then(() => true);
  if (ms === undefined) return await ended;
  const timer = new AbortController();
  const signal = giveUp ? AbortSignal.any([timer.signal, giveUp]) : timer.signal;
  const timeout = engine.clock.sleep(ms, signal).then(
    () => false,
    () => false,
  );
  const result = await Promise.race([ended, timeout]);
  timer.abort();
  return result;
}
