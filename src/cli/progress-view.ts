import type { Progress } from "../base/index.ts";

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
