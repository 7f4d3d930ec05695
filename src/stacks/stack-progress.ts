import { messageOf, type Report } from "../base/index.ts";
import { conditionText, serviceOf, type Step } from "./step.ts";

export interface StackProgress {
  /** Reports the step's beginning, and its end or failure. */
  during(step: Step, work: () => Promise<void>): Promise<void>;
  /** What the end of the step is called. */
  tell(step: Step, message: string): void;
}

/** One line on the screen per image, network, volume and service; a service's line ends with its last step. */
export function createProgress(report: Report, steps: readonly Step[]): StackProgress {
  const left = new Map<string, number>();
  for (const step of steps) left.set(taskOf(step), (left.get(taskOf(step)) ?? 0) + 1);
  const endings = new Map<string, string>();
  tellWaiting(report, steps);
  let failed = false;
  return {
    tell: (step, message) => void endings.set(step.id, message),
    async during(step, work) {
      const task = taskOf(step);
      report({ task, message: beginning(step) });
      try {
        await work();
      } catch (error) {
        const outcome = outcomeOfFailure(step);
        // What is aborted because of the first failure is not told as one of its own.
        if (failed) report({ task, message: "Given up", outcome: "skipped" });
        else report({ task, message: messageOf(error), outcome });
        failed ||= outcome === "failed";
        throw error;
      }
      const remaining = (left.get(task) ?? 1) - 1;
      left.set(task, remaining);
      const message = endings.get(step.id) ?? ending(step);
      report(remaining === 0 ? { task, message, outcome: "done" } : { task, message });
    },
  };
}

/** Says of each service that has to wait at first what it waits for. */
function tellWaiting(report: Report, steps: readonly Step[]): void {
  const waits = new Map(steps.flatMap((step) => (step.kind === "wait" ? [[step.id, step] as const] : [])));
  const told = new Set<string>();
  for (const step of steps) {
    if (step.kind === "wait" || told.has(taskOf(step))) continue;
    const reasons = step.after.flatMap((id) => waits.get(id) ?? []);
    if (reasons.length === 0) continue;
    told.add(taskOf(step));
    const message = reasons.map((wait) => `${wait.service} ${conditionText[wait.condition]}`).join(" and ");
    report({ task: taskOf(step), message: `Waiting until ${message}` });
  }
}

function outcomeOfFailure(step: Step): "failed" | "warning" {
  return step.kind === "wait" && !step.required ? "warning" : "failed";
}

/** The line of the screen that a step belongs to. */
export function taskOf(step: Step): string {
  switch (step.kind) {
    case "build-image":
    case "pull-image":
      return `image ${step.service.image}`;
    case "create-network":
      return `network ${step.network.name}`;
    case "remove-network":
      return `network ${step.name}`;
    case "create-volume":
      return `volume ${step.volume.name}`;
    default:
      return `service ${serviceOf(step)}`;
  }
}

const words: Readonly<Record<Exclude<Step["kind"], "wait">, readonly [string, string]>> = {
  "build-image": ["Building", "Built"],
  "pull-image": ["Getting", "There"],
  "create-network": ["Creating", "Created"],
  "remove-network": ["Removing", "Removed"],
  "create-volume": ["Creating", "Created"],
  "create-container": ["Creating", "Created"],
  "recreate-container": ["Replacing", "Replaced"],
  "rename-container": ["Renaming", "Renamed"],
  "start-container": ["Starting", "Started"],
  "stop-container": ["Stopping", "Stopped"],
  "remove-container": ["Removing", "Removed"],
};

function beginning(step: Step): string {
  if (step.kind === "wait") return `Waiting until it ${conditionText[step.condition]}`;
  return words[step.kind][0];
}

function ending(step: Step): string {
  return step.kind === "wait" ? "Ready" : words[step.kind][1];
}
