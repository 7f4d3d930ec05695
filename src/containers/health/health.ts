import { messageOf, newId } from "../../base/index.ts";
import type { HealthcheckConfig, ImageProcess } from "../../images/index.ts";
import type { Container, Health } from "../container.ts";
import { emit, type Engine } from "../engine.ts";
import { eventText } from "../exec/exec.ts";
import { execProcess } from "../exec/process.ts";
import { setContainer, type Entry } from "../registry.ts";
import { restartsWhenUnhealthy, restartUnhealthy } from "./unhealthy.ts";

/** A health check with all defaults filled in; milliseconds. */
export interface HealthCheck {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

export type Probe = Health["log"][number];

const maxOutput = 4096;
const keptProbes = 5;

/** Undefined when there is none, or it is disabled (`NONE`). Docker's defaults. */
export function healthCheckOf(process: ImageProcess): HealthCheck | undefined {
  const config: HealthcheckConfig = process.Healthcheck ?? {};
  const [kind = "", ...rest] = config.Test ?? [];
  if (kind === "" || kind === "NONE" || rest.length === 0) return undefined;
  const ms = (ns: number | undefined, fallback: number) => (ns ? ns / 1e6 : fallback);
  return {
    command: kind === "CMD-SHELL" ? [...(process.Shell ?? ["/bin/sh", "-c"]), rest.join(" ")] : rest,
    intervalMs: ms(config.Interval, 30_000),
    timeoutMs: ms(config.Timeout, 30_000),
    startPeriodMs: ms(config.StartPeriod, 0),
    startIntervalMs: ms(config.StartInterval, 5000),
    retries: config.Retries || 3,
  };
}

/** The pause before the next probe. */
export function nextProbeMs(check: HealthCheck, health: Health, runningMs: number): number {
  return runningMs < check.startPeriodMs && health.status === "starting"
    ? check.startIntervalMs
    : check.intervalMs;
}

/** The health after a probe. Failures while it may still be starting do not count. */
export function healthAfter(check: HealthCheck, health: Health, probe: Probe, startedAt: Date): Health {
  const log = [...health.log, probe].slice(-keptProbes);
  if (probe.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  const starting =
    health.status === "starting" && probe.start.getTime() - startedAt.getTime() < check.startPeriodMs;
  const failingStreak = starting ? health.failingStreak : health.failingStreak + 1;
  const status = failingStreak >= check.retries ? "unhealthy" : health.status;
  return { status, failingStreak, log };
}

/** The container as it is when its first process starts. */
export function withFreshHealth({ health: _health, ...container }: Container): Container {
  if (!healthCheckOf(container.process)) return container;
  return { ...container, health: { status: "starting", failingStreak: 0, log: [] } };
}

/** Probes the container until `stopHealth`; does nothing when it has no health check. */
export function startHealth(engine: Engine, entry: Entry): void {
  stopHealth(entry);
  const check = healthCheckOf(entry.record.container.process);
  if (!check) return;
  const stop = new AbortController();
  entry.wasHealthy = false;
  entry.health = { [Symbol.dispose]: () => stop.abort(new Error("the container has ended")) };
  entry.record = { ...entry.record, container: withFreshHealth(entry.record.container) };
  const signal = AbortSignal.any([stop.signal, engine.background.signal]);
  engine.background.run("a health check broke", () => monitor(engine, entry, check, signal));
}

export function stopHealth(entry: Entry): void {
  entry.health?.[Symbol.dispose]();
  entry.health = undefined;
}

async function monitor(engine: Engine, entry: Entry, check: HealthCheck, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { state, health } = entry.record.container;
    if (state.status !== "running" || !health) return;
    const runningMs = engine.clock.now().getTime() - state.startedAt.getTime();
    try {
      await engine.clock.sleep(nextProbeMs(check, health, runningMs), signal);
    } catch {
      return;
    }
    const now = entry.record.container.state;
    if (now.status !== "running") return;
    if (now.paused) continue;
    const probe = await runProbe(engine, entry, check, signal);
    if (signal.aborted) return;
    record(
      engine,
      entry,
      healthAfter(check, entry.record.container.health ?? health, probe, state.startedAt),
    );
  }
}

function record(engine: Engine, entry: Entry, health: Health): void {
  const before = entry.record.container.health?.status;
  setContainer(entry, { health });
  if (health.status === "healthy") entry.wasHealthy = true;
  if (health.status === before) return;
  emit(engine, entry, "health_status", {}, health.status);
  if (health.status === "unhealthy" && restartsWhenUnhealthy(entry.record.container.process)) {
    restartUnhealthy(engine, entry, health);
  }
}

async function runProbe(
  engine: Engine,
  entry: Entry,
  check: HealthCheck,
  signal: AbortSignal,
): Promise<Probe> {
  const start = engine.clock.now();
  const done = (exitCode: number, output: string): Probe => ({
    start,
    end: engine.clock.now(),
    exitCode,
    output,
  });
  const id = newId();
  const told = eventText(check.command);
  try {
    const process = await execProcess(engine, entry, { command: check.command }, false);
    emit(engine, entry, "exec_create", { execID: id }, told);
    const exec = await engine.runtime.exec(
      entry.record.container.id,
      { id, process, tty: false, stdin: false, detach: false },
      signal,
    );
    emit(engine, entry, "exec_start", { execID: id }, told);
    const output = collect(exec.streams.output);
    const exit = await within(engine, check.timeoutMs, exec.exited, signal);
    if (exit === undefined) {
      await exec.kill(9).catch(() => undefined); // ended in this very moment
      await within(engine, 1000, output.ended, signal);
      exec.streams.close();
      const said = output.text();
      const late = `Health check exceeded timeout (${goDuration(check.timeoutMs)})`;
      return done(-1, said === "" ? late : `${late}: ${said}`);
    }
    // A child left behind may hold the output open: what came until now is all there will be.
    await within(engine, 1000, output.ended, signal);
    exec.streams.close();
    emit(engine, entry, "exec_die", { execID: id, exitCode: String(exit.exitCode) });
    return done(exit.exitCode, output.text());
  } catch (error) {
    return done(-1, messageOf(error));
  }
}

/** As Go writes it: `50ms`, `1.5s`, `1m30s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  const large = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : "";
  return `${large}${(ms % 60_000) / 1000}s`;
}

/** The value, or undefined when it takes longer than `ms`. */
async function within<T>(
  engine: Engine,
  ms: number,
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const timer = new AbortController();
  const late = engine.clock.sleep(ms, AbortSignal.any([timer.signal, signal])).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort(new Error("in time"));
  }
}

function collect(source: AsyncIterable<{ readonly data: Uint8Array }>) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const drain = async () => {
    for await (const { data } of source) {
      const part = data.subarray(0, maxOutput - size);
      if (part.length > 0) chunks.push(part.slice());
      size += part.length;
    }
  };
  return {
    ended: drain().catch(() => undefined),
    text: () => Buffer.concat(chunks).toString("utf8"),
  };
}
