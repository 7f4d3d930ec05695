import { isVirgaError } from "../../base/index.ts";
import type { Image } from "../../images/index.ts";
import type { IgnoreRules } from "../context/ignore.ts";
import type { Dockerfile } from "../dockerfile/parse.ts";
import type { BuildPlan } from "../evaluation/plan.ts";
import { StageVariables, type GlobalArguments } from "../evaluation/variables.ts";
import { parseLintConfig } from "./config.ts";
import { lintFile } from "./lint-file.ts";
import { lintFrom } from "./lint-from.ts";
import { lintStage, type LintedStage } from "./lint-stage.ts";
import { Linter } from "./linter.ts";

export interface LintInput {
  readonly dockerfile: Dockerfile;
  readonly plan: BuildPlan;
  /** Indexes of the stages whose instructions are looked at. */
  readonly stages: readonly number[];
  readonly global: GlobalArguments;
  /** The platform ARGs. */
  readonly automatic: Readonly<Record<string, string>>;
  readonly ignore: IgnoreRules;
  readonly resolve: (reference: string) => Image;
}

export interface Lint {
  readonly linter: Linter;
  /** A base image is not on this machine: what its variables are is not known. */
  readonly incomplete: boolean;
}

/** All build checks. Throws `invalid` / `dockerfile.check` for a wrong `check` directive. */
export function lintDockerfile(input: LintInput): Lint {
  const { dockerfile, plan, ignore } = input;
  const passed = input.global.passed.get("BUILDKIT_DOCKERFILE_CHECK");
  const linter = new Linter(parseLintConfig(passed ?? dockerfile.check));
  // What is looked at here is not used yet.
  const global = { ...input.global, used: new Set<string>() };
  lintFile(linter, dockerfile);
  lintFrom(linter, dockerfile, global, input.automatic);
  const ends = new Map<number, LintedStage>();
  let incomplete = false;
  for (const index of input.stages) {
    const planned = plan.stages[index]!;
    const stage = stageStart(planned.base, ends, { ...input, global });
    if (!stage.known) incomplete = true;
    lintStage(linter, stage, planned.stage.instructions, ignore);
    ends.set(index, stage);
  }
  linter.warnings.sort((a, b) => a.start - b.start);
  return { linter, incomplete };
}

function stageStart(
  base: BuildPlan["stages"][number]["base"],
  ends: ReadonlyMap<number, LintedStage>,
  { global, resolve }: Pick<LintInput, "global" | "resolve">,
): LintedStage {
  const before = base.kind === "stage" ? ends.get(base.index) : undefined;
  if (before) {
    const variables = new StageVariables(global, before.variables.env(), before.variables);
    return { ...before, variables, declared: new Set(before.declared) };
  }
  const image = base.kind === "image" ? found(resolve, base.reference) : undefined;
  const process = image?.config.config ?? {};
  return {
    variables: new StageVariables(global, process.Env ?? ["PATH="]),
    known: base.kind === "scratch" || image !== undefined,
    declared: new Set(),
    workdirSet: false,
    shellSet: process.Shell !== undefined && process.Shell.length > 0,
  };
}

function found(resolve: (reference: string) => Image, reference: string): Image | undefined {
  try {
    return resolve(reference);
  } catch (error) {
    if (isVirgaError(error)) return undefined;
    throw error;
  }
}
