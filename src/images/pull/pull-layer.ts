import { isVirgaError, noReport, toVirgaError, type Clock, type Report } from "../../base/index.ts";
import type { ContentStore, Descriptor } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import type { DiffId, LayerStore } from "../../layers/index.ts";
import { Growth } from "./growth.ts";

export interface PullLayerDependencies {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly clock: Clock;
}

export interface WantedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}

/** As Docker names a layer's line: the beginning of its blob's digest. */
export function layerTask({ descriptor }: WantedLayer): string {
  return descriptor.digest.slice(descriptor.digest.indexOf(":") + 1).slice(0, 12);
}

export function isHere({ content, layers }: PullLayerDependencies, layer: WantedLayer): boolean {
  return layers.has(layer.diffId) && content.has(layer.descriptor.digest);
}

/** Reports of one layer come no faster than this, in milliseconds. */
const reportEvery = 100;

/**
 * Gets a layer's blob and unpacks it while it comes, in one pass: the blob grows in its file, and a worker reads behind.
 * What an interrupted download leaves is gone on with by the next; what is wrong is dropped.
 */
export async function pullLayer(
  dependencies: PullLayerDependencies,
  remote: RemoteRepository,
  layer: WantedLayer,
  options: { readonly report: Report; readonly signal: AbortSignal },
): Promise<void> {
  const { content, layers } = dependencies;
  const { descriptor, diffId } = layer;
  const { report, signal } = options;
  const task = layerTask(layer);
  if (!content.has(descriptor.digest)) await downloadLayer(dependencies, remote, layer, options);
  else if (!layers.has(diffId)) {
    report({ task, message: "Extracting", current: 0, total: descriptor.size, unit: "bytes" });
    await layers.unpack(descriptor, { expected: diffId, signal });
  }
  const { size } = descriptor;
  report({ task, message: "Pull complete", current: size, total: size, unit: "bytes", outcome: "done" });
}

async function downloadLayer(
  { content, layers, clock }: PullLayerDependencies,
  remote: RemoteRepository,
  layer: WantedLayer,
  { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
): Promise<void> {
  const { descriptor, diffId } = layer;
  const task = layerTask(layer);
  const partial = await content.resume(descriptor.digest);
  const growth = new Growth();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const stored = Promise.withResolvers<void>();
  stored.promise.catch(() => undefined); // nobody may wait for it
  const growing = { path: partial.path, target: partial.target, sizes: growth, stored: stored.promise };
  const unpacking = layers.has(diffId)
    ? Promise.resolve()
    : layers.unpack(descriptor, { expected: diffId, growing, signal: both, report: noReport });
  // A blob that can't be unpacked need not be read to its end.
  unpacking.catch((error: unknown) => stop.abort(error));
  const [total, unit] = [descriptor.size, "bytes"] as const;
  let [current, told] = [0, -1];
  const tell = () => {
    if (current === told) return;
    told = current;
    report({ task, message: "Downloading", current, total, unit });
  };
  // By a timer, so that what came last is told of a download that stalls, too.
  using ticking = clock.every(reportEvery, tell);
  const received = (size: number) => {
    growth.tell(partial.written);
    current = size;
    if (told < 0 || size === total) tell();
  };
  try {
    await remote.downloadBlob(descriptor, partial, received, both);
    ticking[Symbol.dispose]();
    report({ task, message: "Verifying Checksum" });
    const { size } = descriptor;
    await partial.flush();
    growth.tell(size);
    growth.end(); // the worker comes to its end while the blob is flushed to disk
    await partial.commit({ digest: descriptor.digest, size });
    stored.resolve();
    report({ task, message: "Download complete" });
    report({ task, message: "Extracting", current: size, total: size, unit: "bytes" });
    await unpacking;
  } catch (error) {
    growth.fail(error);
    stored.reject(error);
    await Promise.allSettled([unpacking]);
    await (mayGoOn(error) ? partial.keep() : partial.abort());
    throw error;
  }
}

/** Whether what came so far is of use to a later attempt: the connection, the registry or the caller gave up, not we. */
export function mayGoOn(error: unknown): boolean {
  const { kind } = toVirgaError(error);
  return isVirgaError(error) ? ["cancelled", "unavailable", "timeout"].includes(kind) : kind === "cancelled";
}
