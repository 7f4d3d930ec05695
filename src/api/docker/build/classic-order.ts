import { shortId } from "../../../base/index.ts";
import type { BuildEvent, BuildStep } from "../../../builds/index.ts";
import { encodeProgress } from "../images/progress.ts";

/** A step of the file, and what it told before its turn to be shown. */
interface Turn {
  readonly step: BuildStep;
  held: BuildEvent[];
  ended: boolean;
}

/**
 * Lines of Docker's classic builder, which knows one step at a time: the steps come in the order of the file, each with
 * its output below it. What a step tells before its turn is held back. A step that fails is shown at once, as the last.
 */
export function classicOrder(): (event: BuildEvent) => readonly object[] | undefined {
  /** Steps that are not over yet, the next one to be shown first. */
  const turns: Turn[] = [];
  const triggered = new Map<number, number>();
  let failed = false;
  const show = (event: BuildEvent) => encode(event, triggered);

  const plan = (steps: readonly BuildStep[]) => {
    for (const step of steps) {
      if (step.number === undefined) continue;
      if (step.trigger) triggered.set(step.number, step.trigger.count);
      turns.push({ step, held: [], ended: false });
    }
    turns.sort((a, b) => placeOf(a.step) - placeOf(b.step));
  };
  /** Goes on to the next step that has not ended. */
  const advance = (): object[] => {
    const lines: object[] = [];
    while (turns[0]?.ended) {
      turns.shift();
      lines.push(...(turns[0]?.held ?? []).flatMap(show));
      if (turns[0]) turns[0].held = [];
    }
    return lines;
  };

  return (event) => {
    if (failed) return undefined;
    if (event.kind === "planned") {
      plan(event.steps);
      return undefined;
    }
    const { step } = event;
    const turn = step && turns.find((one) => one.step.id === step.id);
    if (!turn) return someLines(event.kind === "progress" || event.kind === "warning" ? show(event) : []);
    if (event.kind === "finished" && event.error !== undefined) {
      failed = true;
      return someLines(turn.held.flatMap(show));
    }
    if (event.kind === "finished") {
      turn.ended = true;
      return someLines(advance());
    }
    if (turn === turns[0]) return someLines(show(event));
    turn.held.push(event);
    return undefined;
  };
}

function someLines(lines: readonly object[]): readonly object[] | undefined {
  return lines.length === 0 ? undefined : lines;
}

/** Triggers of a base come after its FROM and before the next number. */
function placeOf({ number = 0, trigger }: BuildStep): number {
  return trigger ? number + trigger.index / (trigger.count + 1) : number;
}

function encode(event: BuildEvent, triggered: ReadonlyMap<number, number>): object[] {
  switch (event.kind) {
    case "started": {
      const { number, total, text, trigger } = event.step;
      return trigger ? [] : [{ stream: `Step ${number}/${total} : ${text}\n` }];
    }
    case "output":
      return [{ stream: event.stream === "stderr" ? `\u001B[91m${event.text}\u001B[0m` : event.text }];
    case "layer":
      return [{ stream: layerText(event.step, event, triggered.get(event.step.number ?? 0)) }].filter(
        (line) => line.stream !== "",
      );
    case "container": {
      const id = shortId(event.id);
      return [
        { stream: event.removed ? `Removing intermediate container ${id}\n` : ` ---> Running in ${id}\n` },
      ];
    }
    case "progress":
      return [encodeProgress(event.progress)];
    case "warning":
      return [{ stream: `[Warning] ${event.text}\n` }];
    default:
      return [];
  }
}

/** A FROM and its triggers are one step to Docker, with one id at their end. */
function layerText(
  { trigger }: BuildStep,
  { id, cached }: { readonly id: string; readonly cached: boolean },
  triggers: number | undefined,
): string {
  const cacheLine = cached ? " ---> Using cache\n" : "";
  if (triggers !== undefined && !trigger) {
    return `# Executing ${triggers} build trigger${triggers === 1 ? "" : "s"}\n`;
  }
  if (trigger && trigger.index < trigger.count) return cacheLine;
  return `${cacheLine} ---> ${shownId(id)}\n`;
}

/** The stage of FROM scratch has no image. */
function shownId(id: string): string {
  return id.startsWith("scratch") ? "" : shortId(id);
}
