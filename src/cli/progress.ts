import type { Progress } from "../base/index.ts";
import { systemClock } from "../base/index.ts";
import { createLiveView } from "./progress-live.ts";
import { createPlainView } from "./progress-plain.ts";

/** Shows reports of long work until it is disposed. */
export interface ProgressView extends Disposable {
  show(progress: Progress): void;
  /** A line about the whole. */
  say(line: string): void;
}

/** What the views need of a stream. */
export interface Screen {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Live lines, one a task, on a terminal; plain lines otherwise. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? createLiveView(stream, systemClock) : createPlainView(stream, systemClock);
}
