import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Descriptor } from "../../../content/index.ts";
import { mediaTypes } from "../../../images/index.ts";
import type { DiffId } from "../../../layers/index.ts";
import type { BuildRun } from "../../build-run.ts";
import type { StepResult } from "../step-cache.ts";
import type { CachePlace } from "./cache-place.ts";
import { compressFile } from "./compress.ts";
import { configType, describe, encodeManifest, type CacheConfig } from "./document.ts";
import type { CacheWriting } from "./places.ts";

type Layer = NonNullable<StepResult["layer"]>;

export interface CacheExport {
  readonly place: CachePlace;
  readonly writing: CacheWriting;
  /** What the build used, by key. */
  readonly steps: ReadonlyMap<string, StepResult>;
  /** Of the result. */
  readonly result: readonly DiffId[];
}

/** Writes what a build used to a place: layers that are not there yet, then the configuration, the manifest last. */
export async function exportCache(
  run: BuildRun,
  { place, writing, steps, result }: CacheExport,
): Promise<void> {
  const unsorted = [...new Map(layersOf(steps.values()).map((one) => [one.diffId, one])).values()];
  const layers = unsorted.toSorted((a, b) => (a.diffId < b.diffId ? -1 : 1));
  const wanted = new Set(writing.mode === "max" ? layers.map((one) => one.diffId) : result);
  const blobs = new Map<DiffId, Descriptor>();
  for (const layer of layers) {
    if (wanted.has(layer.diffId)) blobs.set(layer.diffId, await exportLayer(run, place, writing, layer));
  }
  const bytes = Buffer.from(JSON.stringify(configOf(layers, blobs, steps)));
  const config = describe(configType, bytes);
  if (!(await place.has(config, run.signal))) {
    const path = join(folderOf(run), "config");
    await Bun.write(path, bytes);
    await place.write(config, path, () => {}, run.signal);
  }
  const unique = new Map([...blobs.values()].map((blob) => [blob.digest, blob]));
  const manifest = encodeManifest(config, [...unique.values()]);
  await place.finish(manifest.mediaType, manifest.bytes, run.signal);
}

function layersOf(steps: Iterable<StepResult>): Layer[] {
  return [...steps].flatMap((step) => step.layer ?? []);
}

function configOf(
  layers: readonly Layer[],
  blobs: ReadonlyMap<DiffId, Descriptor>,
  steps: ReadonlyMap<string, StepResult>,
): CacheConfig {
  const places = new Map(layers.map((layer, at) => [layer.diffId, at]));
  return {
    version: 1,
    layers: layers.map(({ diffId, size, descriptor }) => {
      const { mediaType, digest, size: bytes } = descriptor;
      const blob = blobs.get(diffId)?.digest;
      return { diffId, size, tar: { mediaType, digest, size: bytes }, ...(blob ? { blob } : {}) };
    }),
    // The same cache is the same bytes.
    steps: [...steps]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { step, created, layer }]) => {
        const at = layer && places.get(layer.diffId);
        return { key, step, created, ...(at === undefined ? {} : { layer: at }) };
      }),
  };
}

/** Sees that the place has a layer. What it is there is remembered, so that it is compressed once. */
async function exportLayer(
  run: BuildRun,
  place: CachePlace,
  writing: CacheWriting,
  { diffId, descriptor }: Layer,
): Promise<Descriptor> {
  const { signal } = run;
  const { content } = run.services;
  const imported = run.cache.layer(diffId)?.blob;
  const known = run.exported.find(diffId, writing.compression) ?? imported;
  if (known && (await place.has(known, signal))) return known;
  await run.fetchLayers([diffId], run.emit);
  const isPlain = descriptor.mediaType === mediaTypes.layer;
  const from = content.path(descriptor.digest);
  const to = join(folderOf(run), diffId.slice(7, 19));
  try {
    // What came compressed goes as it came.
    const blob = isPlain ? await compressFile(from, to, writing, signal) : descriptor;
    if (isPlain) run.exported.remember(diffId, writing.compression, blob);
    if (!(await place.has(blob, signal))) await send(run, place, blob, isPlain ? to : from);
    return blob;
  } finally {
    await rm(to, { force: true });
  }
}

async function send(run: BuildRun, place: CachePlace, blob: Descriptor, path: string): Promise<void> {
  const task = blob.digest.slice(7, 19);
  const { size: total } = blob;
  const tell = (current: number) =>
    run.emit({ kind: "progress", progress: { task, message: "Pushing", current, total, unit: "bytes" } });
  await place.write(blob, path, tell, run.signal);
  run.emit({ kind: "progress", progress: { task, message: "Pushed", outcome: "done" } });
}

function folderOf(run: BuildRun): string {
  const folder = join(run.folder, "export");
  mkdirSync(folder, { recursive: true });
  return folder;
}
