import { fail } from "../../base/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { Health } from "../container.ts";
import type { Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";
import { restartDelay } from "../lifecycle/restart-policy.ts";
import { stopRunning } from "../lifecycle/stop.ts";

/** On a container with a health check: end it when it is unhealthy, and start it again. */
export const restartUnhealthyLabel = "virga.restart-unhealthy";

const shownOutput = 200;

/** Throws `invalid` / `container.label-invalid` for a value that says neither yes nor no. */
export function checkUnhealthyLabel(labels: Readonly<Record<string, string>> = {}): void {
  const value = labels[restartUnhealthyLabel];
  if (value === undefined || ["", "true", "false"].includes(value)) return;
  throw fail(
    "invalid",
    "container.label-invalid",
    `label ${restartUnhealthyLabel} must be true or false, not '${value}'`,
  );
}

export function restartsWhenUnhealthy({ Labels = {} }: ImageProcess): boolean {
  return ["", "true"].includes(Labels[restartUnhealthyLabel] ?? "false");
}

/** Ends a container that has become unhealthy, in good order; `handleExit` schedules its start. */
export function restartUnhealthy(engine: Engine, entry: Entry, health: Health): void {
  const { container } = entry.record;
  const probe = health.log.at(-1);
  const reason = {
    reason: "unhealthy",
    failingStreak: String(health.failingStreak),
    ...(probe === undefined
      ? {}
      : { probeExitCode: String(probe.exitCode), probeOutput: probe.output.trim().slice(0, shownOutput) }),
  };
  engine.logger.warn("a container is unhealthy and is restarted", { container: container.id, ...reason });
  engine.background.run("an unhealthy container could not be restarted", async () => {
    entry.restartReason = reason;
    await stopRunning(engine, entry, "unhealthy", { giveUp: engine.background.signal });
  });
}

/** The pause before its start: as for a run that failed at once, unless the check had succeeded in it. */
export function unhealthyDelay(entry: Entry, exitCode: number): number {
  const { restartCount } = entry.record.container;
  const ranMs = entry.wasHealthy ? Infinity : 0;
  const policy = { name: "always" } as const;
  const run = { policy, exitCode, ranMs, restartCount, stopped: false, backoffMs: entry.backoffMs };
  return restartDelay(run)!;
}
