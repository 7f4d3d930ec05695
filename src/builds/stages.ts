import { shortId } from "../base/index.ts";
import type { Image } from "../images/index.ts";
import type { BuildRun, BuildSource } from "./build-run.ts";
import { contextSource, contextStage } from "./named-contexts.ts";
import { dockerfileError } from "./dockerfile/dockerfile-error.ts";
import { findContext, findStage, type BuildPlan, type PlannedStage } from "./evaluation/plan.ts";
import { formatPlatform, platformOf } from "./evaluation/platform.ts";
import { stateOfImage, stateOfScratch, stateOfStage, type StageState } from "./evaluation/stage-state.ts";
import type { GlobalArguments } from "./evaluation/variables.ts";
import { createSource } from "./sources.ts";
import { buildStage, type StepCounter } from "./stage-build.ts";

/** Stages are built once, when they are first needed. */
export class StageBuilder {
  counter: StepCounter | undefined;
  readonly #plan: BuildPlan;
  readonly #global: GlobalArguments;
  readonly #states = new Map<number, Promise<StageState>>();
  readonly #sources = new Map<string, Promise<BuildSource>>();

  constructor(plan: BuildPlan, global: GlobalArguments) {
    this.#plan = plan;
    this.#global = global;
  }

  build(run: BuildRun, index: number): Promise<StageState> {
    const known = this.#states.get(index);
    if (known) return known;
    const work = this.#build(run, this.#plan.stages[index]!);
    this.#states.set(index, work);
    return work;
  }

  source(
    run: BuildRun,
    place: Parameters<BuildRun["source"]>[0],
    name: string,
    before: number,
  ): Promise<BuildSource> {
    const earlier = this.#plan.stages.slice(0, before).map((one) => one.stage);
    const index = findStage(earlier, name);
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

  async #stage(run: BuildRun, index: number): Promise<BuildSource> {
    const name = this.#plan.stages[index]!.stage.from.stageName ?? String(index);
    return createSource(run, `the stage ${name}`, await this.build(run, index));
  }

  async #image(run: BuildRun, place: Parameters<BuildRun["source"]>[0], name: string): Promise<BuildSource> {
    const later = this.#plan.stages.some((one) => one.stage.from.stageName === name.toLowerCase());
    if (later || /^\d+$/.test(name) || name === "scratch") {
      const hint = "copy from a stage that stands before this one, or from an image";
      throw dockerfileError("dockerfile.from", place, `there is no stage '${name}' before this one`, hint);
    }
    const image = await ensureImage(run, name, undefined);
    return createSource(run, `the image ${name}`, stateOfImage(image, this.#global));
  }

  async #build(run: BuildRun, planned: PlannedStage): Promise<StageState> {
    const { stage, base } = planned;
    const baseState = base.kind === "stage" ? await this.build(run, base.index) : undefined;
    this.counter?.announce(stage.from, stage.from.stageName);
    const platform = planned.platform ?? (run.request.platform || undefined);
    const fromImage = async (reference: string) =>
      stateOfImage(await ensureImage(run, reference, platform), this.#global);
    const fromScratch = () => stateOfScratch(platformOf(platform), this.#global);
    const state = baseState
      ? stateOfStage(baseState, this.#global)
      : base.kind === "image"
        ? await fromImage(base.reference)
        : base.kind === "context"
          ? await contextStage(run, base.name, fromImage, fromScratch)
          : fromScratch();
    run.emit({ kind: "layer", id: shortId(state.key.replace(/^image /, "")), cached: false });
    await buildStage(run, planned, state, this.counter!);
    return state;
  }
}

async function ensureImage(run: BuildRun, reference: string, platform: string | undefined): Promise<Image> {
  const image = await run.services.images.ensure(reference, {
    policy: run.request.pull ? "always" : "missing",
    report: run.report,
    signal: run.signal,
    ...(run.credentials ? { credentials: run.credentials } : {}),
    ...(platform === undefined ? {} : { platform: formatPlatform(platformOf(platform)) }),
  });
  for (const [index, diffId] of image.config.rootfs.diff_ids.entries()) {
    run.undo.use(run.inUse.hold({ diffId, descriptor: image.layers[index]! }));
  }
  return image;
}
