import { createLogUpdate } from "log-update";
import { formatBytes, type Clock, type Progress } from "../base/index.ts";
import { paintError } from "./output.ts";
import type { ProgressView } from "./progress-view.ts";
import { fit, oneLine, outputLines, printable } from "./text.ts";

interface Task {
  readonly progress: Progress;
  readonly since: number;
  readonly until?: number;
  /** The last lines of its programs. */
  readonly output: readonly string[];
}

/** Lines of output shown below a task: while it runs, and when it has failed. */
const shownOutput = { running: 4, failed: 15 };

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const marks = {
  done: paintError("green", "✔"),
  skipped: paintError("dim", "–"),
  failed: paintError("red", "✘"),
  warning: paintError("yellow", "!"),
};

/** One line a task, drawn again and again in place, at most as many as the terminal has; in the end all of them. */
export function createLiveView(stream: NodeJS.WriteStream, clock: Clock): ProgressView {
  const region = createLogUpdate(stream);
  const tasks = new Map<string, Task>();
  let frame = 0;
  const draw = () => {
    const turning = paintError("cyan", spinner[frame++ % spinner.length]!);
    // The last column stays free: a full line would make some terminals wrap.
    const size = { columns: (stream.columns ?? 80) - 1, rows: Math.max(3, (stream.rows ?? 24) - 2) };
    region(rowsOf([...tasks.values()], turning, size, clock.now().getTime()).join("\n"));
  };
  const timer = clock.every(100, draw);
  return {
    show(progress) {
      const now = clock.now().getTime();
      const before = tasks.get(progress.task) ?? { progress, since: now, output: [] };
      const output = [...before.output, ...outputLines(progress.output ?? "")].slice(-shownOutput.failed);
      const isNews = progress.output === undefined;
      tasks.set(progress.task, {
        progress: isNews ? progress : before.progress,
        since: before.since,
        // Each step's output is its own; that of a failed one is wanted most.
        output: isNews && !progress.outcome && progress.message !== before.progress.message ? [] : output,
        ...(progress.outcome ? { until: now } : {}),
      });
    },
    say(line) {
      region.clear();
      // What the keyboard has echoed meanwhile (^C) is on this line.
      stream.write(`\r\u001B[2K${line}\n`);
      draw();
    },
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      region.clear();
      region.done();
      const end = clock.now().getTime();
      const rows = [...tasks.values()].flatMap((task) => finalRows(task, end, (stream.columns ?? 80) - 1));
      stream.write(rows.map((row) => `${row}\n`).join(""));
    },
  };
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** As many rows as there is room for; what has ended goes first, then output. */
function rowsOf(all: readonly Task[], turning: string, size: Size, now: number): string[] {
  const active = all.filter((task) => !task.progress.outcome);
  const ended = all.filter((task) => task.progress.outcome);
  const room = Math.max(0, size.rows - active.length);
  const shown = new Set([...active, ...(room === 0 ? [] : ended.slice(-room))]);
  let outputRoom = Math.max(0, size.rows - shown.size);
  const rows = all
    .filter((task) => shown.has(task))
    .flatMap((task) => {
      const mark = task.progress.outcome ? marks[task.progress.outcome] : turning;
      const output = task.progress.outcome
        ? []
        : task.output.slice(-Math.min(outputRoom, shownOutput.running)).slice(0, outputRoom);
      outputRoom -= output.length;
      return [rowOf(task, mark, now, size.columns), ...output.map((line) => outputRow(line, size.columns))];
    });
  return rows.slice(-size.rows);
}

function finalRows(task: Task, end: number, columns: number): string[] {
  const { progress, output } = task;
  if (progress.outcome === "warning") {
    return [`${marks.warning} ${progress.task}  ${printable(progress.message)}`];
  }
  const row = rowOf(task, marks[progress.outcome ?? "skipped"], end, columns);
  return progress.outcome === "failed" ? [row, ...output.map((line) => outputRow(line))] : [row];
}

function outputRow(line: string, columns = Number.POSITIVE_INFINITY): string {
  return paintError("dim", fit(`    ${line}`, columns));
}

/** `✔ image app  ████░░ 3/7  RUN make  12 s`; the message gives way when the line is too long. */
function rowOf({ progress, since, until }: Task, mark: string, now: number, columns: number): string {
  const seconds = Math.round(((until ?? now) - since) / 1000);
  const time = seconds < 2 ? "" : `  ${seconds} s`;
  const head = [progress.task, amount(progress)].filter(Boolean).join("  ");
  const room = columns - 2 - Bun.stringWidth(time);
  const text = fit(`${head}  ${oneLine(progress.message)}`, room);
  return `${mark} ${text}${paintError("dim", time)}`;
}

const barWidth = 12;

function amount({ current, total, unit, outcome }: Progress): string {
  if (current === undefined || outcome) return "";
  const shown = (value: number) => (unit === "bytes" ? formatBytes(value) : String(value));
  if (total === undefined || total === 0) return shown(current);
  const filled = Math.min(barWidth, Math.round((current / total) * barWidth));
  const bar = `${"█".repeat(filled)}${paintError("dim", "░".repeat(barWidth - filled))}`;
  return `${bar} ${unit === "bytes" ? `${shown(current)} of ${shown(total)}` : `${current}/${total}`}`;
}
