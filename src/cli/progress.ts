import { createLogUpdate } from "log-update";
import { formatBytes, systemClock, type Progress } from "../base/index.ts";
import { paint } from "./output.ts";

/** Shows reports of long work until `end`. */
export interface ProgressView extends Disposable {
  show(progress: Progress): void;
}

/** Live lines, one a task, on a terminal; otherwise a plain line whenever a task's message changes. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? liveView(stream) : plainView(stream);
}

function plainView(stream: NodeJS.WriteStream): ProgressView {
  const last = new Map<string, string>();
  return {
    show(progress) {
      if (progress.output !== undefined) {
        for (const line of lines(progress.output)) stream.write(`${progress.task} | ${line}\n`);
        return;
      }
      const text = `${progress.task}: ${progress.message}`;
      if (last.get(progress.task) === text) return;
      last.set(progress.task, text);
      stream.write(`${text}\n`);
    },
    [Symbol.dispose]() {},
  };
}

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const marks = {
  done: paint("green", "✔"),
  skipped: paint("dim", "–"),
  failed: paint("red", "✘"),
  warning: "!",
};

function liveView(stream: NodeJS.WriteStream): ProgressView {
  const region = createLogUpdate(stream);
  const tasks = new Map<
    string,
    { readonly progress: Progress; readonly since: number; readonly output?: string }
  >();
  let frame = 0;
  const draw = () => {
    const turning = paint("cyan", spinner[frame++ % spinner.length]!);
    const width = (stream.columns ?? 80) - 1;
    const rows = [...tasks.values()].flatMap(({ progress, since, output }) => {
      const mark = progress.outcome ? marks[progress.outcome] : turning;
      const seconds = progress.outcome ? "" : elapsed(since);
      const row = `${mark} ${progress.task}  ${progress.message}${amount(progress)}${seconds}`;
      return output && !progress.outcome ? [row, paint("dim", `    ${output}`.slice(0, width))] : [row];
    });
    const height = Math.max(3, (stream.rows ?? 24) - 2);
    region(rows.slice(-height).join("\n"));
  };
  const timer = systemClock.every(100, draw);
  return {
    show(progress) {
      const before = tasks.get(progress.task);
      const since = before?.since ?? Date.now();
      if (progress.output !== undefined && before) {
        const output = lines(progress.output).at(-1) ?? "";
        tasks.set(progress.task, { ...before, output });
      } else tasks.set(progress.task, { progress, since });
    },
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      draw();
      region.done();
    },
  };
}

function lines(text: string): string[] {
  return text.split(/[\r\n]+/).filter((line) => line.trim() !== "");
}

function elapsed(since: number): string {
  const seconds = Math.round((Date.now() - since) / 1000);
  return seconds < 2 ? "" : paint("dim", `  ${seconds} s`);
}

function amount({ current, total, unit }: Progress): string {
  if (current === undefined) return "";
  const shown = (value: number) => (unit === "bytes" ? formatBytes(value) : String(value));
  if (total === undefined || total === 0) return `  ${shown(current)}`;
  const filled = Math.min(20, Math.round((current / total) * 20));
  return `  ${"█".repeat(filled)}${"░".repeat(20 - filled)} ${shown(current)} of ${shown(total)}`;
}
