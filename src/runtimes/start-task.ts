import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { errnoOf, fail, type Clock } from "../base/index.ts";
import type { OciProgram } from "./programs.ts";
import type { TaskRecord } from "./records.ts";
import { startFifo } from "./task-state.ts";

/**
 * Lets a created task go. crun holds it at a fifo (exec.fifo in its state folder); a byte into the fifo is all that
 * `crun start` does for a configuration without hooks, and writing it here takes 0.1 ms instead of 4. Whatever is
 * not as expected is left to the runtime's own `start`.
 */
export async function startTask(
  record: TaskRecord,
  programOf: (record: TaskRecord) => OciProgram,
  clock: Clock,
): Promise<void> {
  const program = programOf(record);
  if (program.family === "crun" && !record.hooks && (await startByFifo(program, record.id, clock))) return;
  const result = await program.call(["start", record.id]);
  if (result.exitCode === 0) return;
  throw fail("internal", "task.start-failed", `the OCI runtime failed: ${result.stderr.trim().slice(-2000)}`);
}

async function startByFifo(program: OciProgram, id: string, clock: Clock): Promise<boolean> {
  const path = startFifo(program, id);
  for (let attempt = 0; attempt < 50; attempt++) {
    let fifo: number | undefined;
    try {
      fifo = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      rmSync(path);
      writeSync(fifo, Buffer.of(0));
      return true;
    } catch (error) {
      // ENXIO: the process has not opened its end yet.
      if (errnoOf(error) !== "ENXIO") return false;
      await clock.sleep(1);
    } finally {
      if (fifo !== undefined) closeSync(fifo);
    }
  }
  return false;
}
