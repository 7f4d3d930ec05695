import { fail, type VirgaError } from "../../base/index.ts";
import { dockerfileError } from "../dockerfile/dockerfile-error.ts";
import type { StageInstruction } from "../dockerfile/instruction.ts";
import type { Dockerfile, Stage } from "../dockerfile/parse.ts";
import type { GlobalArguments } from "./variables.ts";
import { expand } from "./variables.ts";

/** What a stage begins with, its variables replaced. */
export type StageBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly index: number }
  /** The key of a named context. */
  | { readonly kind: "context"; readonly name: string }
  | { readonly kind: "image"; readonly reference: string };

export interface PlannedStage {
  readonly stage: Stage;
  readonly base: StageBase;
  readonly platform: string | undefined;
}

export interface BuildPlan {
  readonly stages: readonly PlannedStage[];
  readonly target: number;
  /** Indexes of the stages that the target needs, itself included, in the file's order. */
  readonly needed: readonly number[];
}

/** Which stages a build runs. Throws `invalid` / `build.target-not-found`, `dockerfile.*`. */
export function planBuild(
  dockerfile: Dockerfile,
  target: string | undefined,
  global: GlobalArguments,
  contexts: readonly string[] = [],
): BuildPlan {
  const { stages } = dockerfile;
  const planned = stages.map((stage): PlannedStage => {
    const { from } = stage;
    const replaced = from.stageName === undefined ? undefined : findContext(contexts, from.stageName);
    if (replaced !== undefined) {
      const base = { kind: "context", name: replaced } as const;
      return { stage: { ...stage, instructions: [] }, base, platform: undefined };
    }
    const name = expand(from, from.base, global.values, global.escape);
    if (name === "") {
      const hint = `'${from.base}' is empty: pass --build-arg, or give the ARG a default`;
      throw dockerfileError("dockerfile.from", from, "the base image has no name", hint);
    }
    const platform =
      from.platform === undefined ? undefined : expand(from, from.platform, global.values, global.escape);
    return {
      stage,
      base: baseOf(name, stages.slice(0, stage.index), contexts),
      platform: platform || undefined,
    };
  });
  const index = target === undefined || target === "" ? stages.length - 1 : findStage(stages, target);
  if (index === undefined) {
    const names = stages.flatMap((stage) => stage.from.stageName ?? []);
    const hint = names.length === 0 ? "no stage has a name" : `the stages are ${names.join(", ")}`;
    throw fail("invalid", "build.target-not-found", `target stage '${target}' could not be found`, { hint });
  }
  const needed = new Set<number>();
  collect(planned, index, needed, []);
  return { stages: planned, target: index, needed: [...needed].toSorted((a, b) => a - b) };
}

/** The stage with that name (the last one of several) or number among `stages`. */
export function findStage(stages: readonly Stage[], nameOrIndex: string): number | undefined {
  const name = nameOrIndex.toLowerCase();
  const named = stages.findLast((stage) => stage.from.stageName === name);
  if (named) return named.index;
  if (!/^\d{1,6}$/.test(name)) return undefined;
  return stages[Number(name)]?.index;
}

/** The key of the named context that `name` means: `alpine`, `alpine:latest` and `docker.io/library/alpine` are one. */
export function findContext(contexts: readonly string[], name: string): string | undefined {
  const familiar = (text: string) =>
    text
      .toLowerCase()
      .replace(/^(docker\.io\/)?library\//, "")
      .replace(/^docker\.io\//, "")
      .replace(/:latest$/, "");
  return contexts.find((one) => familiar(one) === familiar(name));
}

function baseOf(name: string, before: readonly Stage[], contexts: readonly string[]): StageBase {
  const named = before.findLast((stage) => stage.from.stageName === name.toLowerCase());
  if (named) return { kind: "stage", index: named.index };
  const context = findContext(contexts, name);
  if (context !== undefined) return { kind: "context", name: context };
  return name === "scratch" ? { kind: "scratch" } : { kind: "image", reference: name };
}

/** Throws `dockerfile.circular` for a stage that needs itself, by whatever way; `waiting` is the way so far. */
function collect(
  stages: readonly PlannedStage[],
  index: number,
  needed: Set<number>,
  waiting: readonly number[],
): void {
  const { stage, base } = stages[index]!;
  if (waiting.includes(index)) throw circular(stage);
  if (needed.has(index)) return;
  needed.add(index);
  const way = [...waiting, index];
  if (base.kind === "stage") collect(stages, base.index, needed, way);
  for (const instruction of stage.instructions) {
    for (const source of sourceStages(stages, instruction)) collect(stages, source, needed, way);
  }
}

export function circular({ from, index }: Stage): VirgaError {
  const name = from.stageName ?? String(index);
  const hint = "a stage can't take files from one that is built on it or takes files from it";
  return dockerfileError("dockerfile.circular", from, `the stage ${name} needs itself`, hint);
}

/** The stages that an instruction takes files from, wherever they stand in the file. */
export function sourceStages(stages: readonly PlannedStage[], instruction: StageInstruction): number[] {
  const all = stages.map((one) => one.stage);
  const sources =
    instruction.kind === "RUN"
      ? instruction.mounts.map((mount) => mount.from)
      : [instruction.kind === "COPY" ? instruction.from : undefined];
  return sources.flatMap((source) => (source === undefined ? [] : (findStage(all, source) ?? [])));
}
