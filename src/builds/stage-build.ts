import type { BuildRun } from "./build-run.ts";
import { stepKey } from "./cache/step-key.ts";
import { parseInstruction, type StageInstruction } from "./dockerfile/instruction.ts";
import { dockerfileError } from "./dockerfile/dockerfile-error.ts";
import { readSourceLines } from "./dockerfile/source-lines.ts";
import { applySetting } from "./evaluation/metadata.ts";
import type { PlannedStage } from "./evaluation/plan.ts";
import type { StageState } from "./evaluation/stage-state.ts";
import { recordSetting } from "./steps/commit-step.ts";
import { copyStep } from "./steps/copy-step.ts";
import { runStep } from "./steps/run-step.ts";
import { workdirStep } from "./steps/workdir-step.ts";

/** Carries out one instruction of a stage on `state`. */
export async function carryOutInstruction(
  run: BuildRun,
  state: StageState,
  instruction: StageInstruction,
): Promise<void> {
  switch (instruction.kind) {
    case "RUN":
      return runStep(run, state, instruction);
    case "COPY":
    case "ADD":
      return copyStep(run, state, instruction);
    default: {
      const createdBy = applySetting(state, instruction);
      if (instruction.kind === "WORKDIR") return workdirStep(run, state, instruction, createdBy);
      recordSetting(run, state, stepKey(state.key, "set", [createdBy]), createdBy);
    }
  }
}

/** ONBUILD instructions that came with the base; they run once and are not handed on. */
export function triggersOf(state: StageState, { stage, base }: PlannedStage): StageInstruction[] {
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
