import { fail, type Clock, type VirgaError } from "../base/index.ts";
import type { Container, Containers } from "../containers/index.ts";
import type { WaitFor } from "./step.ts";

export interface ReadinessDependencies {
  readonly project: string;
  readonly containers: Pick<Containers, "get" | "logs">;
  readonly clock: Clock;
}

const pollMs = 100;
/** A container without a health check counts as running when it has lived so long: most wrong ones end at once. */
const settleMs = 400;
/** So many restarts in a row are a failure, not a slow start. */
const tooManyRestarts = 3;

type Verdict = { readonly ready: true; readonly message: string } | { readonly ready: false };

/**
 * Waits until every one of the containers fulfils `condition`. Returns what to say about them ("healthy"). Throws
 * `precondition` / `stack.unhealthy`, `.exited`, `.no-healthcheck` or `.restarting` with the last output.
 */
export async function waitUntilReady(
  dependencies: ReadinessDependencies,
  service: string,
  names: readonly string[],
  condition: WaitFor,
  signal: AbortSignal,
): Promise<string> {
  const messages = await Promise.all(
    names.map(async (name) => {
      for (;;) {
        signal.throwIfAborted();
        const verdict = await judge(dependencies, service, name, condition);
        if (verdict.ready) return verdict.message;
        await dependencies.clock.sleep(pollMs, signal);
      }
    }),
  );
  return messages[0] ?? "ready";
}

async function judge(
  dependencies: ReadinessDependencies,
  service: string,
  name: string,
  condition: WaitFor,
): Promise<Verdict> {
  const container = dependencies.containers.get(name);
  const { state } = container;
  if (condition === "service_completed_successfully") {
    if (state.status !== "exited") return await stillRunning(dependencies, service, container);
    if (state.exitCode === 0) return { ready: true, message: "Ended successfully" };
    throw await exited(dependencies, service, container, state.exitCode);
  }
  if (state.status === "exited") {
    if (state.exitCode === 0 && condition === "running_or_healthy")
      return { ready: true, message: "Ended successfully" };
    throw await exited(dependencies, service, container, state.exitCode);
  }
  if (state.status !== "running") return await stillRunning(dependencies, service, container);
  switch (container.health?.status) {
    case "healthy":
      return { ready: true, message: "Healthy" };
    case "unhealthy":
      throw unhealthy(dependencies, service, container);
    case "starting":
      return { ready: false };
    default:
  }
  if (condition === "service_healthy") {
    throw fail(
      "precondition",
      "stack.no-healthcheck",
      `container ${container.name} has no health check to wait for`,
      {
        hint: `give service '${service}' a healthcheck, or depend on it with service_started`,
      },
    );
  }
  const age = dependencies.clock.now().getTime() - state.startedAt.getTime();
  return age >= settleMs ? { ready: true, message: "Running" } : { ready: false };
}

async function stillRunning(
  dependencies: ReadinessDependencies,
  service: string,
  container: Container,
): Promise<Verdict> {
  const { state } = container;
  if (state.status === "restarting" && container.restartCount >= tooManyRestarts) {
    throw fail(
      "precondition",
      "stack.restarting",
      `container ${container.name} keeps ending with exit code ${state.exitCode}${await lastLines(dependencies, container)}`,
      { hint: logsHint(dependencies, service) },
    );
  }
  if (state.status === "dead" || state.status === "removing") {
    throw fail(
      "conflict",
      "stack.container-gone",
      `container ${container.name} was removed while the stack came up`,
      {
        hint: "run up again",
      },
    );
  }
  if (state.status === "created" && state.error !== undefined) {
    throw fail(
      "precondition",
      "stack.not-started",
      `container ${container.name} could not be started: ${state.error}`,
    );
  }
  return { ready: false };
}

async function exited(
  dependencies: ReadinessDependencies,
  service: string,
  container: Container,
  exitCode: number,
): Promise<VirgaError> {
  const { state } = container;
  const why = state.status === "exited" && state.oomKilled ? " (out of memory)" : "";
  return fail(
    "precondition",
    "stack.exited",
    `container ${container.name} ended with exit code ${exitCode}${why}${await lastLines(dependencies, container)}`,
    { hint: logsHint(dependencies, service) },
  );
}

function unhealthy(dependencies: ReadinessDependencies, service: string, container: Container): VirgaError {
  const last = container.health?.log.at(-1);
  const output = last?.output.trim() ?? "";
  const detail = last
    ? `; its check ended with exit code ${last.exitCode}${output === "" ? "" : `:\n${output}`}`
    : "";
  return fail("precondition", "stack.unhealthy", `container ${container.name} is unhealthy${detail}`, {
    hint: logsHint(dependencies, service),
  });
}

function logsHint({ project }: ReadinessDependencies, service: string): string {
  return `look at its output: virga logs -p ${project} ${service}`;
}

/** The container's last output, as a tail for a message. */
async function lastLines({ containers }: ReadinessDependencies, container: Container): Promise<string> {
  const lines: string[] = [];
  const options = { stdout: true, stderr: true, follow: false, tail: 5 };
  try {
    for await (const line of containers.logs(container.id, options, new AbortController().signal)) {
      lines.push(new TextDecoder().decode(line.data).trimEnd());
    }
  } catch {
    return ""; // a log that cannot be read must not hide why the container ended
  }
  return lines.length === 0 ? "" : `; its last output:\n${lines.join("\n")}`;
}
