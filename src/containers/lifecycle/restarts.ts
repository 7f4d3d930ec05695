import { messageOf, toVirgaError } from "../../base/index.ts";
import { emit, setStatus, type Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";
import { restartDelay } from "./restart-policy.ts";
import { startContainer } from "./start.ts";
import { exitCodeOf } from "../state.ts";

/** Starts a `restarting` container after `delayMs`, unless somebody takes that back before. */
export function scheduleRestart(engine: Engine, entry: Entry, delayMs: number): void {
  const wait = new AbortController();
  entry.restartWait = wait;
  entry.backoffMs = delayMs;
  const { id } = entry.record.container;
  const signal = AbortSignal.any([wait.signal, engine.background.signal]);
  engine.background.run("a restart failed", async () => {
    if (delayMs > 0 && !(await sleeps(engine, delayMs, signal))) return;
    await engine.locks.run(id, async () => {
      if (entry.restartWait !== wait || signal.aborted) return;
      entry.restartWait = undefined;
      await restartNow(engine, entry);
    });
  });
}

/** Takes a scheduled restart back; the container is exited then. The caller holds the lock. */
export function cancelRestart(engine: Engine, entry: Entry): void {
  entry.restartWait?.abort();
  entry.restartWait = undefined;
  const { state } = entry.record.container;
  if (state.status !== "restarting") return;
  const { startedAt, finishedAt, exitCode } = state;
  setStatus(engine, entry, {
    state: { status: "exited", startedAt, finishedAt, exitCode, oomKilled: false },
    stoppedByUser: true,
  });
  engine.waits.exited(entry.record.container.id, { exitCode });
}

async function restartNow(engine: Engine, entry: Entry): Promise<void> {
  const { restartCount } = entry.record.container;
  setRestartCount(entry, restartCount + 1);
  try {
    await startContainer(engine, entry);
    if (entry.restartReason) emit(engine, entry, "restart", entry.restartReason);
    entry.restartReason = undefined;
  } catch (error) {
    engine.logger.warn("a restart by policy failed", {
      container: entry.record.container.id,
      error: toVirgaError(error),
    });
    tryAgain(engine, entry, messageOf(error));
  }
}

/** A start that fails counts as a run of no length: a missing network or a taken port may come back. */
function tryAgain(engine: Engine, entry: Entry, error: string): void {
  const { container } = entry.record;
  const now = engine.clock.now();
  const exitCode = exitCodeOf(container.state);
  const delay = restartDelay({
    policy: entry.restartReason ? { name: "always" } : container.spec.restart,
    exitCode,
    ranMs: 0,
    restartCount: container.restartCount,
    stopped: entry.stopping !== undefined,
    backoffMs: entry.backoffMs,
  });
  engine.waits.exited(container.id, { exitCode, error });
  if (delay === undefined) return;
  const startedAt = "startedAt" in container.state ? container.state.startedAt : now;
  setStatus(engine, entry, { state: { status: "restarting", startedAt, finishedAt: now, exitCode } });
  scheduleRestart(engine, entry, delay);
}

function setRestartCount(entry: Entry, restartCount: number): void {
  entry.record = { ...entry.record, container: { ...entry.record.container, restartCount } };
}

async function sleeps(engine: Engine, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await engine.clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
