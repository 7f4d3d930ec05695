import { messageOf } from "../base/index.ts";
import type { BuildStep, StepNews } from "./build-event.ts";
import type { BuildRun, WholeRun } from "./build-run.ts";

/** Runs `work` as `step`: its beginning and its end are told, and what it tells is told as the step's. */
export async function inStep<R extends Pick<WholeRun, "services" | "emit">, T>(
  run: R,
  step: BuildStep,
  work: (run: Omit<R, "emit"> & Pick<BuildRun, "emit" | "step">) => Promise<T>,
): Promise<T> {
  const { clock } = run.services;
  let cached = false;
  const emit = (news: StepNews) => {
    if (news.kind === "layer") cached = news.cached;
    run.emit({ ...news, step, at: clock.now() });
  };
  run.emit({ kind: "started", step, at: clock.now() });
  try {
    const result = await work({ ...run, emit, step });
    run.emit({ kind: "finished", step, at: clock.now(), cached });
    return result;
  } catch (error) {
    run.emit({ kind: "finished", step, at: clock.now(), cached: false, error: messageOf(error) });
    throw error;
  }
}
