import type { Progress } from "../../../base/index.ts";

/** A line of Docker's progress display. */
export function encodeProgress(progress: Progress): object {
  if (progress.output !== undefined) return { stream: progress.output };
  const { current, total } = progress;
  // Without an outcome the client draws a bar; with one the line is as it stays.
  const moves = current !== undefined && progress.outcome === undefined;
  return {
    status: progress.message,
    progressDetail: moves ? { current, ...(total === undefined ? {} : { total }) } : {},
    id: progress.task,
  };
}
