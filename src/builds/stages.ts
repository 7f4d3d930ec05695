import { fail, messageOf, shortId, type Progress } from "../base/index.ts";
import { parseReference, repositoryOf, type Image, type Images } from "../images/index.ts";
import type { BuildRun, BuildSource, WholeRun } from "./build-run.ts";
import { imageMaterial, platformText } from "./attestations/materials.ts";
import { contextSource, contextStage } from "./named-contexts.ts";
import { dockerfileError } from "./dockerfile/dockerfile-error.ts";
import type { StageInstruction } from "./dockerfile/instruction.ts";
import {
  circular,
  findContext,
  findStage,
  sourceStages,
  type BuildPlan,
  type PlannedStage,
} from "./evaluation/plan.ts";
import { formatPlatform, platformOf } from "./evaluation/platform.ts";
import { stateOfImage, stateOfScratch, stateOfStage, type StageState } from "./evaluation/stage-state.ts";
import type { GlobalArguments } from "./evaluation/variables.ts";
import { inStep } from "./in-step.ts";
import { createSource } from "./sources.ts";
import { carryOutInstruction, triggersOf } from "./stage-build.ts";
import { ownStep, planSteps, triggerSteps, unplannedSteps, type StageSteps } from "./step-plan.ts";

/**
 * The stages of one build. Each is built once; all begin at once, and one that needs another waits for it where it needs
 * it. How many steps work at the same time is limited where a step makes its layer.
 */
export class StageBuilder {
  readonly #plan: BuildPlan;
  readonly #global: GlobalArguments;
  readonly #steps: Map<number, StageSteps>;
  readonly #states = new Map<number, Promise<StageState>>();
  readonly #sources = new Map<string, Promise<BuildSource>>();
  readonly #images = new Map<string, Promise<Image>>();
  /** Which stages each has waited for. */
  readonly #waits = new Map<number, Set<number>>();

  constructor(plan: BuildPlan, global: GlobalArguments) {
    this.#plan = plan;
    this.#global = global;
    this.#steps = new Map(planSteps(plan));
  }

  /** All stages that the target needs; the target's state. The first that fails ends the others, by `stop`. */
  async buildAll(run: WholeRun, stop: AbortController): Promise<StageState> {
    const steps = [...this.#steps.values()].flatMap(({ from, instructions }) => [from, ...instructions]);
    run.emit({ kind: "planned", steps });
    let failure: { readonly error: unknown } | undefined;
    const stages = this.#plan.needed.map(async (index) => {
      try {
        await this.build(run, index);
      } catch (error) {
        failure ??= { error };
        stop.abort(fail("cancelled", "build.cancelled", "cancelled: another step has failed"));
      }
    });
    await Promise.all(stages);
    if (failure) throw failure.error;
    return this.build(run, this.#plan.target);
  }

  /** The step that the image is made after. */
  ends(): string[] {
    const { from, instructions } = this.#steps.get(this.#plan.target)!;
    return [(instructions.at(-1) ?? from).id];
  }

  build(run: WholeRun, index: number): Promise<StageState> {
    const known = this.#states.get(index);
    if (known) return known;
    const work = this.#build(run, this.#plan.stages[index]!);
    this.#states.set(index, work);
    return work;
  }

  source(run: WholeRun, place: Parameters<WholeRun["source"]>[0], name: string): Promise<BuildSource> {
    const stages = this.#plan.stages.map((one) => one.stage);
    const index = findStage(stages, name);
    const context =
      index === undefined ? findContext(Object.keys(run.request.contexts ?? {}), name) : undefined;
    const key =
      index !== undefined ? `stage ${index}` : `${context === undefined ? "image" : "context"} ${name}`;
    const known = this.#sources.get(key);
    if (known) return known;
    const work =
      index !== undefined
        ? this.#stage(run, index)
        : context === undefined
          ? this.#image(run, place, name)
          : contextSource(run, context, (reference) => this.#image(run, place, reference));
    this.#sources.set(key, work);
    return work;
  }

  async #stage(run: WholeRun, index: number): Promise<BuildSource> {
    const name = this.#plan.stages[index]!.stage.from.stageName ?? String(index);
    return createSource(run, `the stage ${name}`, await this.build(run, index));
  }

  async #image(run: WholeRun, place: Parameters<WholeRun["source"]>[0], name: string): Promise<BuildSource> {
    if (/^\d+$/.test(name) || name === "scratch") {
      const hint = "copy from a stage of this file, or from an image";
      throw dockerfileError("dockerfile.from", place, `there is no stage '${name}'`, hint);
    }
    const image = await inStep(run, ownStep("image", `FROM ${name}`), (step) =>
      this.#ensure(step, name, undefined),
    );
    return createSource(run, `the image ${name}`, stateOfImage(image, this.#global));
  }

  async #build(run: WholeRun, planned: PlannedStage): Promise<StageState> {
    const { stage, base } = planned;
    const known = this.#steps.get(stage.index);
    const steps = known ?? unplannedSteps(this.#plan, stage.index);
    this.#steps.set(stage.index, steps);
    if (!known) run.emit({ kind: "planned", steps: [steps.from, ...steps.instructions] });
    const baseState = base.kind === "stage" ? await this.#need(run, stage.index, base.index) : undefined;
    const { state, triggers } = await inStep(run, steps.from, async (step) => {
      const begun = await this.#begin(step, planned, baseState);
      const found = triggersOf(begun, planned);
      if (found.length > 0) run.emit({ kind: "planned", steps: triggerSteps(steps.from, found) });
      // The files of a named context are a layer, which has been told.
      const id = shortId(begun.key.replace(/^image /, ""));
      if (base.kind !== "context") step.emit({ kind: "layer", id, cached: false });
      return { state: begun, triggers: found };
    });
    const all = [
      ...triggerSteps(steps.from, triggers).map((step, at) => [step, triggers[at]!] as const),
      ...stage.instructions.map((one, at) => [steps.instructions[at]!, one] as const),
    ];
    for (const [step, instruction] of all) {
      await this.#sourcesOf(run, stage.index, instruction);
      run.signal.throwIfAborted();
      await inStep(run, step, (one) => carryOutInstruction(one, state, instruction));
    }
    return state;
  }

  async #begin(
    run: BuildRun,
    { base, platform: written }: PlannedStage,
    baseState: StageState | undefined,
  ): Promise<StageState> {
    const platform = written ?? (run.request.platform || undefined);
    if (baseState) return stateOfStage(baseState, this.#global);
    const fromImage = async (reference: string) =>
      stateOfImage(await this.#ensure(run, reference, platform), this.#global);
    const fromScratch = () => stateOfScratch(platformOf(platform), this.#global);
    if (base.kind === "context") return contextStage(run, base.name, fromImage, fromScratch);
    return base.kind === "image" ? await fromImage(base.reference) : fromScratch();
  }

  /** Waits for the stages that an instruction takes files from, so that the time is not counted as the step's own. */
  async #sourcesOf(run: WholeRun, index: number, instruction: StageInstruction): Promise<void> {
    for (const source of sourceStages(this.#plan.stages, instruction)) await this.#need(run, index, source);
  }

  /** Waits for another stage. Triggers can make a circle that the file alone does not show. */
  #need(run: WholeRun, index: number, other: number): Promise<StageState> {
    this.#waits.set(index, (this.#waits.get(index) ?? new Set()).add(other));
    const leads = (from: number, seen: Set<number>): boolean =>
      from === index ||
      [...(this.#waits.get(from) ?? [])].some((next) => !seen.has(next) && leads(next, seen.add(next)));
    if (leads(other, new Set())) throw circular(this.#plan.stages[index]!.stage);
    return this.build(run, other);
  }

  /** Stages that begin with the same image get it once. */
  #ensure(run: BuildRun, reference: string, platform: string | undefined): Promise<Image> {
    const key = `${reference} ${platform ?? ""}`;
    const known = this.#images.get(key);
    if (known) return known;
    const work = ensureImage(run, reference, platform);
    this.#images.set(key, work);
    return work;
  }
}

async function ensureImage(run: BuildRun, reference: string, platform: string | undefined): Promise<Image> {
  const options = {
    policy: run.request.pull ? "always" : "missing",
    report: (progress: Progress) => run.emit({ kind: "progress", progress }),
    signal: run.signal,
    ...(run.credentials ? { credentials: run.credentials } : {}),
    ...(platform === undefined ? {} : { platform: formatPlatform(platformOf(platform)) }),
  } as const;
  const image = await lockedImage(
    run,
    reference,
    await run.services.images.ensure(reference, options),
    options,
  );
  for (const [index, diffId] of image.config.rootfs.diff_ids.entries()) {
    run.undo.use(run.inUse.hold({ diffId, descriptor: image.layers[index]! }));
  }
  run.materials.add(imageMaterial(reference, image));
  return image;
}

/** The image that the lock file names, where the name stands for another one by now and its registry still has it. */
async function lockedImage(
  run: BuildRun,
  reference: string,
  image: Image,
  options: Parameters<Images["ensure"]>[1],
): Promise<Image> {
  const locked = run.installs?.image(reference, platformText(image));
  if (!locked || locked.image === image.id) return image;
  const exact = `${repositoryOf(parseReference(reference))}@${locked.digest}`;
  try {
    return await run.services.images.ensure(exact, { ...options, policy: "missing" });
  } catch (error) {
    run.signal.throwIfAborted();
    run.emit({ kind: "warning", text: `${exact}, which the lock names, can't be got: ${messageOf(error)}` });
    return image;
  }
}
