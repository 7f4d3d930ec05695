import { messageOf, type Progress, type Report } from "../base/index.ts";
import { conditionText, serviceOf, type Step } from "./step.ts";

export interface StackProgress {
  /** Reports the step's beginning, and its end or failure. */
  during(step: Step, work: () => Promise<void>): Promise<void>;
  /** What the step is about just now. */
  now(step: Step, message: string): void;
  /** What the end of the step is called. */
  tell(step: Step, message: string): void;
  /** Ends the lines of what has not been reached. */
  [Symbol.dispose](): void;
}

/**
 * One line on the screen per image, network, volume and service, in the order of the steps; a service's line ends with
 * its last step. Why something failed is the error's to tell.
 */
export function createProgress(report: Report, steps: readonly Step[], signal: AbortSignal): StackProgress {
  const again = waitsAgain(steps);
  const left = new Map<string, number>();
  for (const step of steps) {
    if (!again.has(step)) left.set(taskOf(step), (left.get(taskOf(step)) ?? 0) + 1);
  }
  const begun = new Set<string>();
  const endings = new Map<string, string>();
  tellAhead(report, steps);
  let failed = false;
  const failedAs = (step: Step, error: unknown): Progress => {
    const task = taskOf(step);
    if (step.kind === "wait" && !step.required) {
      return { task, message: firstLine(messageOf(error)), outcome: "warning" };
    }
    failed = true;
    return { task, message: "Failed", outcome: "failed" };
  };
  return {
    now(step, message) {
      if (!again.has(step)) report({ task: taskOf(step), message });
    },
    tell: (step, message) => void endings.set(step.id, message),
    async during(step, work) {
      const task = taskOf(step);
      begun.add(task);
      if (!again.has(step)) report({ task, message: beginning(step) });
      try {
        await work();
      } catch (error) {
        left.delete(task);
        const isAborted = failed || signal.aborted;
        if (!(again.has(step) && isAborted)) report(isAborted ? givenUp(task) : failedAs(step, error));
        throw error;
      }
      const count = left.get(task);
      if (again.has(step) || count === undefined) return;
      if (count === 1) left.delete(task);
      else left.set(task, count - 1);
      const message = endings.get(step.id) ?? ending(step);
      report(count === 1 ? { task, message, outcome: "done" } : { task, message });
    },
    [Symbol.dispose]() {
      for (const task of left.keys()) {
        const message = begun.has(task) ? "Not finished" : "Not reached";
        report({ task, message, outcome: "skipped" });
      }
    },
  };
}

/** What is aborted because of the first failure is not told as one of its own. */
function givenUp(task: string): Progress {
  return { task, message: "Given up", outcome: "skipped" };
}

/** Last looks at services that were waited for already: only a failure of these is told. */
function waitsAgain(steps: readonly Step[]): ReadonlySet<Step> {
  const waits = steps.filter((step) => step.kind === "wait");
  return new Set(
    waits.filter((step, index) => waits.slice(0, index).some((one) => one.service === step.service)),
  );
}

/** Every line at first, with what it waits for. */
function tellAhead(report: Report, steps: readonly Step[]): void {
  const waits = new Map(steps.flatMap((step) => (step.kind === "wait" ? [[step.id, step] as const] : [])));
  const told = new Set<string>();
  for (const step of steps) {
    const task = taskOf(step);
    if (told.has(task)) continue;
    told.add(task);
    const reasons = step.kind === "wait" ? [] : step.after.flatMap((id) => waits.get(id) ?? []);
    const texts = reasons.map((wait) => `${wait.service} ${conditionText[wait.condition]}`);
    report({ task, message: texts.length === 0 ? "Waiting" : `Waiting until ${texts.join(" and ")}` });
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!.replace(/:$/, "");
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
