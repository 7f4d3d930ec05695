import type { Clock, Progress } from "../base/index.ts";
import type { ProgressView, Screen } from "./progress-view.ts";
import { fit, oneLine, outputLines, printable } from "./text.ts";

/** A message that is on its way to the next one sooner than this is not worth a line. */
const patienceMs = 1000;
/** Columns of an instruction or message; what follows would only be noise in a log. */
const lineWidth = 120;

interface Task {
  readonly told?: string;
  /** To be told if it is still so at this time. */
  readonly held?: { readonly text: string; readonly due: number };
}

/**
 * Lines for a file or a pipe: how each task ends, the steps of builds with their output, and of the rest what takes
 * longer than a second. No line comes twice in a row for one task.
 */
export function createPlainView(stream: Screen, clock: Clock): ProgressView {
  const tasks = new Map<string, Task>();
  const tell = (task: string, text: string) => {
    if (tasks.get(task)?.told !== text) stream.write(`${task}: ${text}\n`);
    tasks.set(task, { told: text });
  };
  const timer = clock.every(patienceMs / 4, () => {
    const now = clock.now().getTime();
    for (const [task, { held }] of tasks) if (held && held.due <= now) tell(task, held.text);
  });
  return {
    show(progress) {
      const { task } = progress;
      if (progress.output !== undefined) {
        for (const line of outputLines(progress.output)) stream.write(`${task} | ${line}\n`);
        return;
      }
      const text = messageOf(progress);
      const before = tasks.get(task);
      if (progress.outcome !== undefined || isStep(progress)) tell(task, text);
      else if (before?.told === text) tasks.set(task, { told: text });
      else if (before?.held?.text !== text) {
        tasks.set(task, { ...before, held: { text, due: clock.now().getTime() + patienceMs } });
      }
    },
    say: (line) => void stream.write(`${line}\n`),
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  };
}

function isStep({ current, total, unit }: Progress): boolean {
  return current !== undefined && total !== undefined && unit === "items";
}

function messageOf(progress: Progress): string {
  if (progress.outcome === "warning") return printable(progress.message);
  const step = isStep(progress) ? `${progress.current}/${progress.total} ` : "";
  return fit(`${step}${oneLine(progress.message)}`, lineWidth);
}
