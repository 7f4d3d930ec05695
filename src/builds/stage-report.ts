import type { Report } from "../base/index.ts";
import type { BuildEvent, BuildStep } from "./build-event.ts";

/** A line: the steps of a stage that are to come, and how many of those that ended were in the cache. */
interface StageLine {
  left: number;
  readonly ended: { all: number; cached: number };
}

/**
 * Tells a build's events as progress: a line for each stage, with the step it is at and what its programs write. What a
 * file with a single stage does goes to the line `task`. Instructions that only set something are not worth a message.
 */
export function stageReport(task: string, report: Report): (event: BuildEvent) => void {
  const stages = new Map<string, StageLine>();
  /** Steps that have begun and are not told yet: what comes from the cache is told as such. */
  const untold = new Set<string>();
  const taskOf = ({ stage }: BuildStep) => (stage === undefined ? task : `${task} [${stage}]`);
  const lineOf = ({ stage = "" }: BuildStep) => {
    const known = stages.get(stage);
    if (known) return known;
    const line: StageLine = { left: 0, ended: { all: 0, cached: 0 } };
    stages.set(stage, line);
    return line;
  };
  const tell = (step: BuildStep, cached: boolean) => {
    if (!untold.delete(step.id)) return;
    const message = `${cached ? "(cached) " : ""}${step.trigger ? "ONBUILD " : ""}${step.text}`;
    const { index, count } = step.place ?? {};
    const place =
      index === undefined || count === undefined
        ? {}
        : { current: index, total: count, unit: "items" as const };
    report({ task: taskOf(step), message, ...place });
  };
  const finish = (event: Extract<BuildEvent, { kind: "finished" }>) => {
    const { step, error } = event;
    const line = lineOf(step);
    line.left--;
    if (!step.setting) {
      line.ended.all++;
      if (event.cached) line.ended.cached++;
    }
    if (step.stage === undefined) return;
    const { all, cached } = line.ended;
    if (error !== undefined) report({ task: taskOf(step), message: step.text, outcome: "failed" });
    else if (line.left === 0) {
      const message = cached === 0 ? `${all} steps` : `${all} steps, ${cached} of them cached`;
      report({ task: taskOf(step), message, outcome: "done" });
    }
  };
  return (event) => {
    if (event.kind === "planned") for (const step of event.steps) lineOf(step).left++;
    if (event.kind === "planned" || event.kind === "warning") return;
    const { step } = event;
    if (event.kind === "started" && !step.setting) untold.add(step.id);
    else if (event.kind !== "layer") tell(step, event.kind === "finished" && event.cached);
    if (event.kind === "output") report({ task: taskOf(step), message: "Building", output: event.text });
    else if (event.kind === "progress") report(event.progress);
    else if (event.kind === "finished") finish(event);
  };
}
