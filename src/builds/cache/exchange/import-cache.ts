import type { Descriptor } from "../../../content/index.ts";
import { decompress, mediaTypes, type ImageHistory } from "../../../images/index.ts";
import type { DiffId } from "../../../layers/index.ts";
import type { BuildRun } from "../../build-run.ts";
import { stepComment, type StepResult } from "../step-cache.ts";
import type { CachePlace } from "./cache-place.ts";
import type { ImportedLayer, ImportedSteps } from "./imported.ts";
import { configType, malformed, parseCacheConfig, parseDocument, type CacheConfig } from "./document.ts";
import { z } from "zod";

const maxConfigBytes = 64 << 20;

/** Reads a cache, or the steps in an image's history. Undefined when there is nothing. Throws `build.cache-malformed`. */
export async function importSteps(
  place: CachePlace,
  platform: { readonly os: string; readonly architecture: string },
  signal: AbortSignal,
): Promise<ImportedSteps | undefined> {
  const found = await place.manifest(undefined, signal);
  if (!found) return undefined;
  let document = parseDocument(found.bytes, place.name);
  if (document.manifests) {
    const child = document.manifests.find(
      (one) => one.platform?.os === platform.os && one.platform.architecture === platform.architecture,
    );
    const manifest = child && (await place.manifest(child.digest, signal));
    if (!manifest) return undefined;
    document = parseDocument(manifest.bytes, place.name);
  }
  const { config, layers = [] } = document;
  if (!config) throw malformed(place.name, "the manifest has no configuration");
  if (config.size > maxConfigBytes) throw malformed(place.name, "its configuration is too large");
  const bytes = await place.small(config, signal);
  if (config.mediaType === configType) return cacheSteps(place, parseCacheConfig(bytes, place.name), layers);
  return imageSteps(place, bytes, layers);
}

function cacheSteps(place: CachePlace, config: CacheConfig, blobs: readonly Descriptor[]): ImportedSteps {
  const byDigest = new Map(blobs.map((blob) => [blob.digest, blob]));
  const layers = new Map<DiffId, ImportedLayer>();
  for (const { diffId, tar, blob: digest } of config.layers) {
    const blob = digest === undefined ? undefined : byDigest.get(digest);
    if (blob) layers.set(diffId, { place, blob, kept: tar });
  }
  const steps = config.steps.map(({ key, step, created, layer: at }): [string, StepResult] => {
    const layer = at === undefined ? undefined : config.layers[at];
    if (at !== undefined && !layer) throw malformed(place.name, `there is no layer ${at}`);
    const made = layer && { diffId: layer.diffId, descriptor: layer.tar, size: layer.size };
    return [key, { step, created, layer: made }];
  });
  return { steps: new Map(steps), layers };
}

const imageConfig = z.object({
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  history: z
    .array(
      z.object({
        created: z.string().exactOptional(),
        comment: z.string().exactOptional(),
        empty_layer: z.boolean().exactOptional(),
      }),
    )
    .exactOptional(),
});

function imageSteps(place: CachePlace, bytes: Uint8Array, blobs: readonly Descriptor[]): ImportedSteps {
  const parsed = imageConfig.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  if (!parsed.success) throw malformed(place.name, "it is neither a cache nor an image");
  const { rootfs, history = [] } = parsed.data;
  const layers = new Map<DiffId, ImportedLayer>();
  const steps = stepsOfHistory(history, (at) => {
    const [diffId, blob] = [rootfs.diff_ids[at] as DiffId | undefined, blobs[at]];
    if (diffId === undefined || !blob) return undefined;
    layers.set(diffId, { place, blob, kept: blob });
    return { diffId, descriptor: blob, size: 0 };
  });
  return { steps, layers };
}

/** The steps that an image was made of, as its history marks them. `layerAt` gives its layers, bottom first. */
export function stepsOfHistory(
  history: readonly ImageHistory[],
  layerAt: (index: number) => StepResult["layer"],
): Map<string, StepResult> {
  const steps = new Map<string, StepResult>();
  let next = 0;
  for (const { comment, created, empty_layer: empty } of history) {
    const index = empty ? undefined : next++;
    if (!comment?.startsWith(stepComment) || created === undefined) continue;
    const step = comment.slice(stepComment.length);
    const layer = index === undefined ? undefined : layerAt(index);
    if (index === undefined || layer) steps.set(step, { step, layer, created });
  }
  return steps;
}

/** Gets a layer of a cache elsewhere: its blob as it is kept here, and its files. */
export async function fetchLayer(
  run: Pick<BuildRun, "services" | "inUse" | "undo" | "signal" | "emit">,
  diffId: DiffId,
  { place, blob, kept }: ImportedLayer,
): Promise<void> {
  const { content, layers } = run.services;
  const { signal } = run;
  const task = blob.digest.slice(7, 19);
  const received = (current: number) =>
    run.emit({
      kind: "progress",
      progress: { task, message: "Downloading", current, total: blob.size, unit: "bytes" },
    });
  await run.inUse.making(async () => {
    run.undo.use(run.inUse.hold({ diffId, descriptor: kept }));
    if (!content.has(kept.digest)) {
      const expected = { digest: kept.digest, size: kept.size };
      const isPlain = kept.mediaType === mediaTypes.layer;
      const store = (bytes: AsyncIterable<Uint8Array>) =>
        content.put(isPlain ? decompress(bytes) : bytes, expected, signal);
      await place.read(blob, received, store, signal);
    }
    if (!layers.has(diffId)) await layers.unpack(kept, { expected: diffId, signal });
  });
  const done = { task, message: "Pull complete", outcome: "done" } as const;
  run.emit({ kind: "progress", progress: done });
}
