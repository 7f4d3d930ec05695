import { systemClock } from "../base/index.ts";
import type { ProgressView } from "./progress-view.ts";
import { isTerminal, tell } from "./terminal.ts";

/**
 * On stderr: live lines, one a task, on a terminal; plain lines otherwise. What draws on a terminal is loaded only then:
 * it costs as much as a short command.
 */
export async function createProgressView(): Promise<ProgressView> {
  if (isTerminal(2)) {
    const { createLiveView } = await import("./progress-live.ts");
    return createLiveView(process.stderr, systemClock);
  }
  const { createPlainView } = await import("./progress-plain.ts");
  return createPlainView({ write: tell }, systemClock);
}
