import type { BuildStep } from "./build-event.ts";
import type { StageInstruction } from "./dockerfile/instruction.ts";
import { sourceStages, type BuildPlan, type PlannedStage } from "./evaluation/plan.ts";

/** The steps of one stage, as events tell them. */
export interface StageSteps {
  readonly from: BuildStep;
  /** One for each of the stage's instructions. */
  readonly instructions: readonly BuildStep[];
}

/** The steps of the stages that a build needs, by the stage's index. Numbers follow the file, whatever runs first. */
export function planSteps(plan: BuildPlan): ReadonlyMap<number, StageSteps> {
  const stages = plan.needed.map((index) => plan.stages[index]!);
  const total = stages.reduce((sum, { stage }) => sum + 1 + stage.instructions.length, 0);
  const planned = new Map<number, StageSteps>();
  let number = 0;
  for (const one of stages) {
    planned.set(
      one.stage.index,
      stageSteps(plan, one, () => ({ number: ++number, total })),
    );
  }
  return planned;
}

/** Steps of a stage that nobody knew to be needed: a trigger copies from it. */
export function unplannedSteps(plan: BuildPlan, index: number): StageSteps {
  return stageSteps(plan, plan.stages[index]!, () => ({}));
}

/** The steps of a base's triggers; they belong to the FROM that brought them. */
export function triggerSteps(from: BuildStep, triggers: readonly StageInstruction[]): BuildStep[] {
  const steps: BuildStep[] = [];
  for (const [at, instruction] of triggers.entries()) {
    const text = textOf(instruction);
    const { number, total, stage } = from;
    steps.push({
      id: stepId([from.id, at, text]),
      kind: "instruction",
      name: `${stage === undefined ? "" : `[${stage}] `}ONBUILD ${text}`,
      text,
      inputs: [steps.at(-1)?.id ?? from.id],
      ...(number === undefined || total === undefined ? {} : { number, total }),
      ...(stage === undefined ? {} : { stage }),
      ...(isSetting(instruction) ? { setting: true } : {}),
      trigger: { index: at + 1, count: triggers.length },
    });
  }
  return steps;
}

/** Work that no line of the file stands for. */
export function ownStep(
  kind: "image" | "context" | "export" | "cache",
  name: string,
  inputs: readonly string[] = [],
): BuildStep {
  return { id: stepId([kind, name]), kind, name, text: name, inputs };
}

function stageSteps(
  plan: BuildPlan,
  { stage, base }: PlannedStage,
  numbered: () => Pick<BuildStep, "number" | "total">,
): StageSteps {
  const label = stage.from.stageName ?? (plan.stages.length > 1 ? `stage-${stage.index}` : undefined);
  const count = 1 + stage.instructions.filter((one) => !isSetting(one)).length;
  let places = 0;
  const step = (instruction: StageInstruction | typeof stage.from, inputs: readonly string[]): BuildStep => {
    const text = textOf(instruction);
    const place = isSetting(instruction) ? undefined : { index: ++places, count };
    const kind = instruction.kind === "FROM" ? "from" : "instruction";
    return {
      id: idOf(stage.index, instruction),
      kind,
      name: stepName(label, place, text),
      text,
      inputs,
      ...numbered(),
      ...(label === undefined ? {} : { stage: label }),
      ...(place ? { place } : { setting: true }),
    };
  };
  const from = step(stage.from, base.kind === "stage" ? [endOf(plan, base.index)] : []);
  const instructions: BuildStep[] = [];
  for (const instruction of stage.instructions) {
    const sources = sourceStages(plan.stages, instruction);
    const inputs = [(instructions.at(-1) ?? from).id, ...sources.map((index) => endOf(plan, index))];
    instructions.push(step(instruction, [...new Set(inputs)]));
  }
  return { from, instructions };
}

/** `[app 2/5] RUN make`; numbers stand below each other. */
function stepName(label: string | undefined, place: BuildStep["place"], text: string): string {
  const number = place && `${String(place.index).padStart(String(place.count).length)}/${place.count}`;
  const head = [label, number].filter((one) => one !== undefined).join(" ");
  return head === "" ? text : `[${head}] ${text}`;
}

/** Of a stage's last step. */
function endOf(plan: BuildPlan, index: number): string {
  const { stage } = plan.stages[index]!;
  return idOf(index, stage.instructions.at(-1) ?? stage.from);
}

function idOf(stage: number, instruction: StageInstruction | PlannedStage["stage"]["from"]): string {
  return stepId([stage, instruction.line, textOf(instruction)]);
}

/** These change files, or may. */
const fileInstructions: ReadonlySet<string> = new Set(["FROM", "RUN", "COPY", "ADD", "WORKDIR"]);

function isSetting(instruction: { readonly kind: string }): boolean {
  return !fileInstructions.has(instruction.kind);
}

function textOf({ keyword, rest }: { readonly keyword: string; readonly rest: string }): string {
  return `${keyword} ${rest}`;
}

function stepId(parts: readonly unknown[]): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex")}`;
}
