import { systemClock } from "../base/index.ts";
import { createLiveView } from "./progress-live.ts";
import { createPlainView } from "./progress-plain.ts";
import type { ProgressView } from "./progress-view.ts";

/** Live lines, one a task, on a terminal; plain lines otherwise. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? createLiveView(stream, systemClock) : createPlainView(stream, systemClock);
}
