import type { RestartPolicy } from "../spec.ts";

export interface EndedRun {
  readonly policy: RestartPolicy | undefined;
  readonly exitCode: number;
  /** How long it ran, milliseconds. */
  readonly ranMs: number;
  /** Restarts by the policy since a person last started it. */
  readonly restartCount: number;
  /** A person stopped it. */
  readonly stopped: boolean;
  /** The pause before the last restart; 0 when there was none. */
  readonly backoffMs: number;
}

const firstBackoffMs = 100;
const longestBackoffMs = 60_000;
/** A run that lasted this long was a success: the next failure starts over with the shortest pause. */
const steadyMs = 10_000;

/** The pause before the next start, or undefined when the container stays down. Docker's rules. */
export function restartDelay(run: EndedRun): number | undefined {
  if (run.stopped || !wantsRestart(run)) return undefined;
  if (run.ranMs >= steadyMs || run.backoffMs === 0) return firstBackoffMs;
  return Math.min(run.backoffMs * 2, longestBackoffMs);
}

function wantsRestart({ policy, exitCode, restartCount }: EndedRun): boolean {
  const name = policy?.name ?? "no";
  if (name !== "on-failure") return name !== "no";
  const most = policy?.maximumRetryCount ?? 0;
  return exitCode !== 0 && (most === 0 || restartCount < most);
}

/** Whether an exited container is started when the daemon comes back. */
export function startsWithDaemon(policy: RestartPolicy | undefined, stoppedByUser: boolean): boolean {
  return policy?.name === "always" || (policy?.name === "unless-stopped" && !stoppedByUser);
}
