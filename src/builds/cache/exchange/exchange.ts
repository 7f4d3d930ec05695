import { isVirgaError, messageOf, VirgaError } from "../../../base/index.ts";
import type { Image } from "../../../images/index.ts";
import type { BuildStart } from "../../build-start.ts";
import type { WholeRun } from "../../build-run.ts";
import { platformOf } from "../../evaluation/platform.ts";
import type { StageState } from "../../evaluation/stage-state.ts";
import { inStep } from "../../in-step.ts";
import { ownStep } from "../../step-plan.ts";
import type { CachePlace } from "./cache-place.ts";
import { exportCache } from "./export-cache.ts";
import { openFolderPlace } from "./folder-place.ts";
import { importSteps, stepsOfHistory } from "./import-cache.ts";
import type { ImportedSteps } from "./imported.ts";
import type { CacheSource, CacheTarget } from "./places.ts";
import { openRegistryPlace } from "./registry-place.ts";

/** What the request's sources know. One that is not there, or can't be read, is a warning: the build goes on without. */
export async function importCaches(start: BuildStart): Promise<ImportedSteps[]> {
  const all: ImportedSteps[] = [];
  for (const source of start.request.cacheFrom ?? []) {
    const local = source.kind === "image" ? stepsOfImage(start, source.name) : undefined;
    if (local) {
      all.push(local);
      continue;
    }
    const name = nameOf(source);
    if (source.kind === "image" && !source.orRegistry) {
      warn(start, `nothing is taken as cache from ${name}, which is not on this machine`);
      continue;
    }
    try {
      const step = ownStep("cache", `importing cache manifest from ${name}`);
      const found = await inStep(start, step, () => importFrom(start, source));
      if (found) all.push(found);
      else warn(start, `nothing is taken as cache from ${name}: there is none`);
    } catch (error) {
      start.signal.throwIfAborted();
      if (!(error instanceof VirgaError)) throw error;
      warn(start, `nothing is taken as cache from ${name}: ${messageOf(error)}`);
    }
  }
  return all;
}

/** Writes what the build used to the request's targets. */
export async function exportCaches(run: WholeRun, state: StageState, ends: readonly string[]): Promise<void> {
  for (const target of run.request.cacheTo ?? []) {
    if (target.kind === "inline") continue;
    const where = target.kind === "registry" ? "registry" : "client directory";
    const result = state.layers.map((layer) => layer.diffId);
    try {
      await inStep(run, ownStep("cache", `exporting cache to ${where}`, ends), async (step) => {
        const place = await openTarget(run, target);
        await exportCache(step, { place, writing: target, steps: run.cache.used, result });
      });
    } catch (error) {
      run.signal.throwIfAborted();
      if (!(error instanceof VirgaError)) throw error;
      if (!target.ignoreError) throw error;
      warn(run, `the cache was not written to ${nameOf(target)}: ${messageOf(error)}`);
    }
  }
}

function importFrom(start: BuildStart, source: CacheSource): Promise<ImportedSteps | undefined> {
  const platform = platformOf(start.request.platform);
  const { signal } = start;
  const read = (place: CachePlace) => importSteps(place, platform, signal);
  if (source.kind === "folder") return read(openFolderPlace(source.path, source.tag, source.digest));
  const reference = source.kind === "image" ? source.name : source.reference;
  return openRegistry(start, reference, false).then(read);
}

async function openTarget(
  run: WholeRun,
  target: Exclude<CacheTarget, { kind: "inline" }>,
): Promise<CachePlace> {
  if (target.kind === "folder") return openFolderPlace(target.path, target.tag, undefined);
  return openRegistry(run, target.reference, true);
}

function openRegistry(
  { services, credentials, signal }: Pick<BuildStart, "services" | "credentials" | "signal">,
  reference: string,
  push: boolean,
): Promise<CachePlace> {
  return openRegistryPlace({ ...services, credentials }, reference, { push, signal });
}

/** The steps of an image that is here; undefined when it is not. */
function stepsOfImage({ services }: BuildStart, name: string): ImportedSteps | undefined {
  let image: Image;
  try {
    image = services.images.admitted(name);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
  const { layers } = services;
  const steps = stepsOfHistory(image.config.history ?? [], (at) => {
    const [diffId, descriptor] = [image.config.rootfs.diff_ids[at], image.layers[at]];
    return diffId && descriptor ? { diffId, descriptor, size: layers.stat(diffId).size } : undefined;
  });
  return { steps, layers: new Map() };
}

function nameOf(place: CacheSource | Exclude<CacheTarget, { kind: "inline" }>): string {
  if (place.kind === "image") return place.name;
  return place.kind === "registry" ? place.reference : place.path;
}

function warn({ emit }: Pick<BuildStart, "emit">, text: string): void {
  emit({ kind: "warning", text });
}
