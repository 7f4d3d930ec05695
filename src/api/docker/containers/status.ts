import type { Container } from "../../../containers/index.ts";

/** Docker's one word for a container's state. */
export function stateWord(container: Container): string {
  const { state } = container;
  return state.status === "running" && state.paused ? "paused" : state.status;
}

/** The STATUS column of `docker ps`: `Up 3 minutes (healthy)`, `Exited (0) 2 seconds ago`. */
export function statusText(container: Container, now: Date): string {
  const { state, health } = container;
  switch (state.status) {
    case "created":
      return "Created";
    case "running": {
      const up = `Up ${ago(state.startedAt, now)}`;
      if (state.paused) return `${up} (Paused)`;
      if (health === undefined) return up;
      return `${up} (${health.status === "starting" ? "health: starting" : health.status})`;
    }
    case "restarting":
      return `Restarting (${state.exitCode}) ${ago(state.finishedAt, now)} ago`;
    case "exited":
      return `Exited (${state.exitCode}) ${ago(state.finishedAt, now)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    default:
      return state satisfies never;
  }
}

function ago(then: Date, now: Date): string {
  return humanDuration(Math.max(0, now.getTime() - then.getTime()));
}

/** A span of time in Docker's words, from milliseconds. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

/** Everything of a container's state that `docker inspect` shows under State. */
export function encodeState(container: Container) {
  const { state } = container;
  const running = state.status === "running";
  return {
    Status: stateWord(container),
    // Docker counts a container that waits for its restart as running.
    Running: running || state.status === "restarting",
    Paused: running && state.paused,
    Restarting: state.status === "restarting",
    OOMKilled: state.status === "exited" && state.oomKilled,
    Dead: state.status === "dead",
    Pid: running ? state.pid : 0,
    ExitCode: "exitCode" in state ? (state.exitCode ?? 0) : 0,
    Error: "error" in state ? (state.error ?? "") : "",
    StartedAt: "startedAt" in state ? state.startedAt.toISOString() : zeroTime,
    FinishedAt: ("finishedAt" in state && state.finishedAt?.toISOString()) || zeroTime,
    ...(container.health === undefined ? {} : { Health: encodeHealth(container.health) }),
  };
}

/** Go's zero time: never. */
export const zeroTime = "0001-01-01T00:00:00Z";

function encodeHealth(health: NonNullable<Container["health"]>) {
  return {
    Status: health.status,
    FailingStreak: health.failingStreak,
    Log: health.log.map((probe) => ({
      Start: probe.start.toISOString(),
      End: probe.end.toISOString(),
      ExitCode: probe.exitCode,
      Output: probe.output,
    })),
  };
}
