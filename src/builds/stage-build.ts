import type { BuildRun } from "./build-run.ts";
import { stepKey } from "./cache/step-key.ts";
import { parseInstruction, type Instruction, type StageInstruction } from "./dockerfile/instruction.ts";
import { dockerfileError } from "./dockerfile/dockerfile-error.ts";
import { readSourceLines } from "./dockerfile/source-lines.ts";
import { applySetting } from "./evaluation/metadata.ts";
import type { PlannedStage } from "./evaluation/plan.ts";
import type { StageState } from "./evaluation/stage-state.ts";
import { recordSetting } from "./steps/commit-step.ts";
import { copyStep } from "./steps/copy-step.ts";
import { runStep } from "./steps/run-step.ts";
import { workdirStep } from "./steps/workdir-step.ts";

/** Numbers the steps of a build for its events. */
export interface StepCounter {
  readonly announce: (instruction: Instruction, stage: string | undefined) => void;
  /** Triggers of a base image, known only when it is there. */
  readonly expectMore: (steps: number) => void;
}

export function createStepCounter(emit: BuildRun["emit"], total: number): StepCounter {
  let number = 0;
  let all = total;
  return {
    announce({ keyword, rest }, stage) {
      number++;
      emit({
        kind: "step",
        number,
        total: all,
        text: `${keyword} ${rest}`,
        ...(stage === undefined ? {} : { stage }),
      });
    },
    expectMore: (steps) => void (all += steps),
  };
}

/** Carries out the instructions of a stage on `state`, the triggers of its base first. */
export async function buildStage(
  run: BuildRun,
  planned: PlannedStage,
  state: StageState,
  counter: StepCounter,
): Promise<void> {
  const { stage } = planned;
  const triggers = triggersOf(state, planned);
  counter.expectMore(triggers.length);
  for (const instruction of [...triggers, ...stage.instructions]) {
    run.signal.throwIfAborted();
    counter.announce(instruction, stage.from.stageName);
    await carryOutInstruction(run, state, instruction, stage.index);
  }
}

async function carryOutInstruction(
  run: BuildRun,
  state: StageState,
  instruction: StageInstruction,
  stageIndex: number,
): Promise<void> {
  switch (instruction.kind) {
    case "RUN":
      return runStep(run, state, instruction, stageIndex);
    case "COPY":
    case "ADD":
      return copyStep(run, state, instruction, stageIndex);
    default: {
      const createdBy = applySetting(state, instruction);
      if (instruction.kind === "WORKDIR") return workdirStep(run, state, instruction, createdBy);
      recordSetting(run, state, stepKey(state.key, "set", [createdBy]), createdBy);
    }
  }
}

/** ONBUILD instructions that came with the base; they run once and are not handed on. */
function triggersOf(state: StageState, { stage, base }: PlannedStage): StageInstruction[] {
  const texts = state.process.OnBuild ?? [];
  delete state.process.OnBuild;
  const name = base.kind === "image" ? base.reference : (stage.from.base ?? "");
  return texts.flatMap((text) => {
    const { lines } = readSourceLines(text, `ONBUILD of ${name}`);
    return lines.map((line) => {
      const instruction = parseInstruction(line);
      if (instruction.kind !== "FROM" && instruction.kind !== "ONBUILD") return instruction;
      throw dockerfileError("dockerfile.onbuild", line, "isn't allowed as an ONBUILD trigger");
    });
  });
}
