import { isVirgaError } from "../base/index.ts";
import { parseReference, type Image, type ImageConfig } from "../images/index.ts";
import type { WholeRun } from "./build-run.ts";
import type { StepResult } from "./cache/step-cache.ts";
import { commitTime, givenEpoch, timeOf } from "./epoch.ts";
import { inStep } from "./in-step.ts";
import { processOf, type StageState } from "./evaluation/stage-state.ts";
import { unusedArguments } from "./evaluation/variables.ts";
import { lintBuild, lintReporter, readBuild } from "./read-build.ts";
import { ownStep } from "./step-plan.ts";
import { StageBuilder } from "./stages.ts";
import { stepComment } from "./steps/commit-step.ts";

/** What all builds of a daemon share. */
export type BuildShared = Pick<
  WholeRun,
  "services" | "cache" | "inUse" | "cacheMounts" | "stepLocks" | "slots"
>;
/** One build, before its Dockerfile was read. */
export type BuildStart = BuildShared &
  Pick<WholeRun, "request" | "folder" | "signal" | "credentials" | "emit" | "undo">;

/** From the request to the tagged image. */
export async function buildImage(start: BuildStart): Promise<Image> {
  const { request, services, signal } = start;
  // A name that can't be given should not cost a whole build.
  for (const tag of request.tags ?? []) parseReference(tag);
  const read = await readBuild(services, request, `${start.folder}/context`, signal);
  const { context, global, plan } = read;
  const tellChecks = lintReporter(start.emit);
  const lint = () => {
    const { linter, incomplete } = lintBuild(services, request, read, plan.needed);
    tellChecks(linter.warnings);
    linter.stopOnErrors();
    return incomplete;
  };
  const lintAgain = lint();
  const sourceDateEpoch = givenEpoch(global);
  let number = 0;
  const stages = new StageBuilder(plan, global);
  const stop = new AbortController();
  const run: WholeRun = {
    ...start,
    signal: AbortSignal.any([signal, stop.signal]),
    context,
    global,
    imported: importedSteps(start),
    sourceDateEpoch,
    created: sourceDateEpoch ?? (await commitTime(context.tree, signal)),
    next: () => ++number,
    source: (place, name, before) => stages.source(run, place, name, before),
  };
  const state = await stages.buildAll(run, stop);
  // The variables of base images are known now.
  if (lintAgain) lint();
  const unused = unusedArguments(global);
  if (unused.length > 0) {
    const text = `One or more build-args [${unused.join(" ")}] were not consumed`;
    run.emit({ kind: "warning", text });
  }
  const ends = stages.ends();
  return inStep(run, ownStep("export", "exporting to image", ends), () => storeImage(run, state));
}

/** The steps that the images of `cacheFrom` were made of. An image that is not here gives none. */
function importedSteps({ request, services, emit }: BuildStart): Map<string, StepResult> {
  const steps = new Map<string, StepResult>();
  for (const name of request.cacheFrom ?? []) {
    let image: Image;
    try {
      image = services.images.resolve(name);
    } catch (error) {
      if (!isVirgaError(error, "not-found")) throw error;
      emit({ kind: "warning", text: `nothing is taken as cache from ${name}, which is not on this machine` });
      continue;
    }
    let next = 0;
    for (const { comment, created, empty_layer: empty } of image.config.history ?? []) {
      const index = empty ? undefined : next++;
      if (!comment?.startsWith(stepComment) || created === undefined) continue;
      const step = comment.slice(stepComment.length);
      const diffId = index === undefined ? undefined : image.config.rootfs.diff_ids[index];
      const descriptor = index === undefined ? undefined : image.layers[index];
      const layer =
        diffId && descriptor ? { diffId, descriptor, size: services.layers.stat(diffId).size } : undefined;
      if (index === undefined || layer) steps.set(step, { step, layer, created });
    }
  }
  return steps;
}

async function storeImage(run: WholeRun, state: StageState): Promise<Image> {
  const { images } = run.services;
  const { labels = {}, tags = [] } = run.request;
  const process = processOf(state);
  const labelled =
    Object.keys(labels).length === 0 ? process : { ...process, Labels: { ...process.Labels, ...labels } };
  const { architecture, os, variant } = state.platform;
  const config: Omit<ImageConfig, "rootfs"> = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    created: state.created ?? timeOf(run.created ?? state.epoch),
    ...(state.author === undefined ? {} : { author: state.author }),
    config: labelled,
    history: state.history,
  };
  run.signal.throwIfAborted();
  const [first, ...others] = tags;
  const image = await images.create({ config, layers: state.layers }, first);
  for (const tag of others) images.tag(image.id, tag);
  return image;
}
