import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { errnoOf, fail, type Clock } from "../base/index.ts";
import { bundleFiles } from "./layout.ts";

/** A line for conmon's control fifo: kind, height, width (conmon's ctrl.c, process_terminal_ctrl_line). */
type ControlLine = `${1 | 2} ${number} ${number}\n`;

/** Sets the size of the task's terminal. */
export function resizeTerminal(bundle: string, columns: number, rows: number): void {
  sendControl(bundle, `1 ${rows} ${columns}\n`);
}

/** Makes conmon open its log file anew, and returns once the new file is there. */
export async function reopenLog(bundle: string, logPath: string, clock: Clock): Promise<void> {
  const before = inodeOf(logPath);
  sendControl(bundle, "2 0 0\n");
  for (let attempt = 0; inodeOf(logPath) === before; attempt++) {
    if (attempt === 1000) {
      throw fail("timeout", "task.log-not-reopened", "the container's monitor did not open a new log file");
    }
    await clock.sleep(2);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function sendControl(bundle: string, line: ControlLine): void {
  let fifo: number | undefined;
  try {
    fifo = openSync(bundleFiles(bundle).control, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fifo, line);
  } catch (error) {
    if (["ENOENT", "ENXIO"].includes(errnoOf(error) ?? "")) {
      throw fail("not-found", "task.not-running", "the container is not running", { cause: error });
    }
    throw error;
  } finally {
    if (fifo !== undefined) closeSync(fifo);
  }
}
