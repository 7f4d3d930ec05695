import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fail, shortId } from "../../base/index.ts";
import { removeTree } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import { chainKey } from "../cache/step-key.ts";
import { stepComment, type StepResult } from "../cache/step-cache.ts";
import { differs } from "../lock/locked-build.ts";
import { layerEpoch, timeOf } from "../epoch.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { keepFailed } from "./failed-image.ts";
import { failureOf } from "./step-failure.ts";

/** A step that changes files. */
export interface FileStep {
  /** Of `stepKey`: everything that the outcome depends on. */
  readonly key: string;
  /** For history. */
  readonly createdBy: string;
  /** Changes the files below `root`, the mounted root filesystem. */
  readonly make: (root: string) => Promise<void>;
  /** False when the outcome may not be what `key` says after all; it is used, and not remembered. */
  readonly isSound?: () => boolean;
  /** Works on the upper directory after `root` was unmounted. */
  readonly finish?: (upper: string) => void;
}

/** What the cache knows of a step. */
export function findCached(run: BuildRun, key: string): StepResult | undefined {
  return usesCache(run) ? run.cache.find(key) : undefined;
}

function usesCache({ request: { noCache, noCacheStages = [] }, step }: BuildRun): boolean {
  return !noCache && !noCacheStages.some((name) => name.toLowerCase() === step.stage?.toLowerCase());
}

/** Takes a step's result from the cache, or makes it; then the stage goes on from there. */
export async function carryOut(run: BuildRun, state: StageState, step: FileStep): Promise<void> {
  const found = await accepted(run, state, step, findCached(run, step.key));
  if (found) return append(run, state, step.createdBy, found, true);
  run.emit({ kind: "working" });
  // The same step of another build that runs at this moment is waited for.
  using _lock = await lockStep(run, step.key);
  const other = await accepted(run, state, step, findCached(run, step.key));
  const result = other ?? (await makeLayer(run, state, step));
  if (!other && (step.isSound?.() ?? true))
    run.cache.save(step.key, { ...result, description: step.createdBy });
  const difference = other ? undefined : await differenceOf(run, state, step, result);
  if (difference !== undefined) throw differs(`${run.step.name}: ${difference}`);
  append(run, state, step.createdBy, result, other !== undefined);
}

/** A result that the lock file does not forbid. */
async function accepted(
  run: BuildRun,
  state: StageState,
  step: FileStep,
  result: StepResult | undefined,
): Promise<StepResult | undefined> {
  return result && (await differenceOf(run, state, step, result)) === undefined ? result : undefined;
}

/** How the packages that a RUN installs differ from those of the lock file. */
async function differenceOf(run: BuildRun, state: StageState, step: FileStep, { layer }: StepResult) {
  if (!run.installs || run.probing || !step.createdBy.startsWith("RUN ")) return undefined;
  const below = state.layers.map((one) => one.diffId);
  if (!layer) return await run.installs.look(run.step, below, undefined);
  using _hold = run.inUse.hold(layer);
  await run.fetchLayers([...below, layer.diffId], run.emit);
  return await run.installs.look(run.step, below, layer.diffId);
}

/** A step that changes the image's configuration alone. */
export function recordSetting(run: BuildRun, state: StageState, key: string, createdBy: string): void {
  const found = findCached(run, key);
  const made = { step: key, layer: undefined, created: createdOf(run, state), description: createdBy };
  const result = found ?? made;
  if (!found) run.cache.save(key, result);
  // What changes no file makes no later step new: each looks at the parameters that it depends on itself.
  const before = state.key;
  append(run, state, createdBy, result, found !== undefined);
  state.key = before;
}

export function append(
  run: BuildRun,
  state: StageState,
  createdBy: string,
  result: StepResult,
  cached: boolean,
): void {
  const { layer } = result;
  const created = createdOf(run, state);
  if (layer) {
    run.undo.use(run.inUse.hold(layer));
    state.layers.push({ diffId: layer.diffId, descriptor: layer.descriptor });
  }
  state.history.push({
    created,
    created_by: createdBy,
    ...(state.author === undefined ? {} : { author: state.author }),
    comment: `${stepComment}${result.step}`,
    ...(layer ? {} : { empty_layer: true }),
  });
  state.created = created;
  state.key = chainKey(state.key, createdBy, layer?.diffId);
  run.emit({ kind: "layer", id: shortId(state.key), cached });
}

/** Of what this build adds to the stage, whether it ran now or came from the cache. */
function createdOf(run: BuildRun, state: StageState): string {
  return timeOf(run.created ?? state.epoch);
}

async function makeLayer(run: BuildRun, state: StageState, step: FileStep): Promise<StepResult> {
  if (run.probing) throw fail("not-found", "build.step-unknown", "the cache does not know this step");
  const { layers } = run.services;
  using _slot = await run.slots.acquire(run.signal);
  const directory = join(run.folder, `step-${run.next()}`);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTree(directory, { within: run.folder }));
  undo.defer(() => layers.unmount(directory));
  const below = state.layers.map((one) => one.diffId);
  await run.fetchLayers(below, run.emit);
  const root = await layers.mount({ layers: below, directory, volatile: true });
  const upper = join(directory, "upper");
  const since = lstatSync(upper, { bigint: true }).ctimeNs;
  try {
    await step.make(root);
  } catch (error) {
    const { debugImage } = run.request;
    if (debugImage !== undefined && failureOf(error)) {
      await layers.unmount(directory);
      step.finish?.(upper);
      await keepFailed(run, state, upper, debugImage);
    }
    throw error;
  }
  run.signal.throwIfAborted();
  await layers.unmount(directory);
  step.finish?.(upper);
  const created = createdOf(run, state);
  if (readdirSync(upper).length === 0) return { step: step.key, layer: undefined, created };
  const committed = await run.inUse.making(async () => {
    const made = await layers.commit(upper, {
      move: true,
      signal: run.signal,
      sourceDateEpoch: layerEpoch(run, state),
      since,
    });
    run.undo.use(run.inUse.hold({ diffId: made.layer.diffId, descriptor: made.descriptor }));
    return made;
  });
  const { layer, descriptor } = committed;
  return { step: step.key, layer: { diffId: layer.diffId, descriptor, size: layer.size }, created };
}

/** The step's lock; a cancelled build does not wait for it. A build without cache waits for nobody. */
async function lockStep(run: BuildRun, key: string): Promise<Disposable> {
  if (!usesCache(run)) return { [Symbol.dispose]: () => {} };
  return run.stepLocks.acquire(key, run.signal);
}
