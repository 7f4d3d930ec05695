/**
 * One step of long work, told as it goes. Reports with the same `task` describe the same line on a screen.
 * `current` and `total` are in bytes or in items, as `unit` says.
 */
export interface Progress {
  /** What the line is about: `image debian:bookworm`, `service web`, `step 3/7`. */
  readonly task: string;
  /** What happens now, in the present tense: `Pulling`, `Waiting for db to be healthy`. */
  readonly message: string;
  readonly current?: number;
  readonly total?: number;
  readonly unit?: "bytes" | "items";
  /** Set on the last report of a task. */
  readonly outcome?: "done" | "skipped" | "failed" | "warning";
  /** Output of a program, to be shown as it is. */
  readonly output?: string;
}

export type Report = (progress: Progress) => void;

export const noReport: Report = () => {};
