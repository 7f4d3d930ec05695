import { parseReference, type Image, type ImageConfig } from "../images/index.ts";
import type { BuildRecord } from "./attestations/provenance.ts";
import type { WholeRun } from "./build-run.ts";
import type { BuildStart } from "./build-start.ts";
import type { BuildEvent } from "./build-event.ts";
import { createBuildCache } from "./cache/build-cache.ts";
import { exportCaches, importCaches } from "./cache/exchange/exchange.ts";
import { createFetchLayers } from "./cache/fetch-layers.ts";
import { commitTime, givenEpoch, timeOf } from "./epoch.ts";
import { inStep } from "./in-step.ts";
import type { BuildPlan } from "./evaluation/plan.ts";
import { processOf, type StageState } from "./evaluation/stage-state.ts";
import { unusedArguments } from "./evaluation/variables.ts";
import { contextCommit, type ContextCommit } from "./remote/context-commit.ts";
import { lintBuild, lintReporter, readBuild } from "./read-build.ts";
import { ownStep } from "./step-plan.ts";
import { checkEntitlements } from "./steps/run-step.ts";
import { StageBuilder } from "./stages.ts";

/** From the request to the tagged image, and what is to be told of how it was built. */
export async function buildImage(
  start: BuildStart,
): Promise<{ readonly image: Image; readonly record: Omit<BuildRecord, "startedAt" | "finishedAt"> }> {
  const { request, services, signal } = start;
  // A name that can't be given should not cost a whole build.
  for (const tag of request.tags ?? []) parseReference(tag);
  const read = await readBuild(services, request, `${start.folder}/context`, signal);
  const { context, global, plan } = read;
  // Before anything is done: a build that may not end should not begin.
  for (const one of plan.needed.flatMap((index) => plan.stages[index]!.stage.instructions)) {
    if (one.kind === "RUN") checkEntitlements(request, one);
  }
  const tellChecks = lintReporter(start.emit);
  const lint = () => {
    const { linter, incomplete } = lintBuild(services, request, read, plan.needed);
    tellChecks(linter.warnings);
    linter.stopOnErrors();
    return incomplete;
  };
  const lintAgain = lint();
  const cache = createBuildCache({ ...services, cache: start.cache }, await importCaches(start));
  const sourceDateEpoch = givenEpoch(global);
  const created = sourceDateEpoch ?? (await commitTime(context.tree, signal));
  const commit = describedCommit(start, context.tree.root);
  const parts = { ...start, cache, context, global, plan, sourceDateEpoch, created };
  const { run, stages, stop } = beginRun({ ...parts, probing: false });
  const uncertain = cache.missing.size > 0 && !request.noCache;
  if (uncertain && !(await allKnown(parts))) cache.forgetMissing();
  const state = await stages.buildAll(run, stop);
  // The variables of base images are known now.
  if (lintAgain) lint();
  const unused = unusedArguments(global);
  if (unused.length > 0) {
    const text = `One or more build-args [${unused.join(" ")}] were not consumed`;
    run.emit({ kind: "warning", text });
  }
  const ends = stages.ends();
  const image = await inStep(run, ownStep("export", "exporting to image", ends), async (step) => {
    await run.fetchLayers(state.layers.map((layer) => layer.diffId), step.emit); // prettier-ignore
    return await storeImage(run, state);
  });
  await exportCaches(run, state, ends);
  return { image, record: recordOf(run, await commit) };
}

type RunParts = Omit<BuildStart, "cache"> &
  Pick<WholeRun, "cache" | "context" | "global" | "sourceDateEpoch" | "created" | "probing"> & {
    readonly plan: BuildPlan;
  };

function beginRun({ plan, ...parts }: RunParts) {
  const stages = new StageBuilder(plan, parts.global);
  const stop = new AbortController();
  const signal = AbortSignal.any([parts.signal, stop.signal]);
  const run: WholeRun = {
    ...parts,
    signal,
    source: (place, name) => stages.source(run, place, name),
    fetchLayers: createFetchLayers({ ...parts, signal }),
  };
  return { run, stages, stop };
}

/** Whether the cache, with layers that can't be got, knows all steps: then nothing has to stand on those layers. */
async function allKnown(parts: Omit<RunParts, "probing">): Promise<boolean> {
  // Pulls of base images are told; what the steps are is told when they are really done.
  const emit = (event: BuildEvent) => {
    if (event.kind === "progress") parts.emit(event);
  };
  const { run, stages, stop } = beginRun({ ...parts, emit, probing: true });
  try {
    await stages.buildAll(run, stop);
    return true;
  } catch {
    parts.signal.throwIfAborted();
    return false;
  }
}

/** For the provenance, while the steps are at work; a repository that can't be asked stops no build. */
function describedCommit(
  { request, services, folder, signal }: BuildStart,
  root: string,
): Promise<ContextCommit | undefined> {
  if (request.context.kind !== "directory" || request.attest?.provenance === false)
    return Promise.resolve(undefined);
  return contextCommit({ root, folder, signal, ceiling: services.identity.root }).catch(() => undefined);
}

function recordOf(
  run: WholeRun,
  context: ContextCommit | undefined,
): Omit<BuildRecord, "startedAt" | "finishedAt"> {
  const { target, platform, labels, networkMode, attest = {} } = run.request;
  const { name, text } = run.context.dockerfile;
  const buildArgs = Object.fromEntries(run.global.passed);
  const some = (values: object | undefined) => values !== undefined && Object.keys(values).length > 0;
  return {
    dockerfile: { path: name, digest: `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}` },
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(some(buildArgs) ? { buildArgs } : {}),
    ...(labels && some(labels) ? { labels } : {}),
    ...(networkMode === undefined ? {} : { networkMode }),
    ...(run.sourceDateEpoch === undefined ? {} : { sourceDateEpoch: run.sourceDateEpoch }),
    ...(run.created === undefined ? {} : { created: run.created }),
    materials: run.materials.list(),
    ...(context === undefined ? {} : { context }),
    locked: run.request.locked !== undefined,
    mode: attest.provenance === "min" ? "min" : "max",
    ...(attest.builderId === undefined ? {} : { builderId: attest.builderId }),
  };
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
