import { fail, isVirgaError, type Clock, type Progress, type Report } from "../../base/index.ts";
import type { ContentStore, Digest } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import type { LayerStore } from "../../layers/index.ts";
import type { Admission } from "../admission.ts";
import type { Hold } from "../garbage.ts";
import { familiarRepository, formatReference, repositoryOf, type Reference } from "../reference.ts";
import { register, type RegisterDependencies } from "../register.ts";
import { storeEvidence } from "../referrers/evidence.ts";
import { movedReferrers } from "../referrers/move.ts";
import { blobsOf } from "../store.ts";
import type { SharedWork } from "../shared-work.ts";
import type { FetchedImage, FetchOptions } from "../source.ts";
import { inParallel } from "./parallel.ts";
import { isHere, layerTask, mayGoOn, pullLayer, type WantedLayer } from "./pull-layer.ts";
import { resolveImage, type ResolvedImage } from "./resolve.ts";

export interface PullDependencies extends RegisterDependencies {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly clock: Clock;
  /** Layers on their way, by all pulls together. */
  readonly layerWork: SharedWork<void, Progress>;
  readonly maxDownloads: number;
  readonly admission: Admission;
}

/**
 * Gets an image from one address of its registry. What an interrupted pull has stored stays for a day (`pulls` in the
 * store), so that the next one goes on from there.
 */
export async function pullImage(
  dependencies: PullDependencies,
  remote: RemoteRepository,
  reference: Reference,
  options: Pick<FetchOptions, "platform" | "demanded" | "report" | "signal">,
): Promise<FetchedImage> {
  const { store, garbage, content } = dependencies;
  const key = formatReference(reference);
  const resolved = await resolveImage(remote, reference.digest ?? reference.tag!, options).catch(
    (error: unknown) => {
      throw asPullFailure(error, reference);
    },
  );
  const evidence = await dependencies.admission.pulled(reference, resolved.chain, remote, options.signal);
  await using hold = garbage.hold();
  const wanted = wantedLayers(resolved);
  protect(dependencies, resolved, wanted, hold);
  store.beginPull(key, {
    blobs: [...documentsOf(resolved), ...resolved.layers.map((one) => one.digest)],
    layers: wanted.map((one) => one.diffId),
    at: dependencies.clock.now(),
  });
  try {
    await pullLayers(dependencies, remote, wanted, options);
    await content.put(resolved.config.bytes, resolved.config.descriptor);
    await content.put(resolved.manifest.bytes, resolved.manifest.descriptor);
    // An image that is here by another manifest (made here, or from elsewhere) is from now on what its registry has.
    const known = store.get(resolved.config.descriptor.digest);
    if (known) hold.own(...blobsOf(known));
    const moved = known
      ? await movedReferrers(dependencies, known.manifest.digest, resolved.manifest.descriptor, hold)
      : [];
    const referrers = [...moved, ...(await storeEvidence(content, evidence, hold))];
    const image = await register(
      dependencies,
      {
        id: resolved.config.descriptor.digest,
        manifest: resolved.manifest.descriptor,
        config: resolved.config.value,
        layers: resolved.layers,
      },
      reference.digest === undefined ? [key] : [],
      {
        digests: [`${repositoryOf(reference)}@${resolved.digest}`],
        settled: true,
        hold,
        referrers,
        origin: "fetched",
      },
    );
    store.endPull(key);
    return { image, digest: resolved.digest };
  } catch (error) {
    if (!mayGoOn(error)) store.endPull(key);
    throw error;
  }
}

function documentsOf({ config, manifest }: ResolvedImage): Digest[] {
  return [config.descriptor.digest, manifest.descriptor.digest];
}

/** Each layer once: an image may have the same one twice. */
function wantedLayers({ layers, config }: ResolvedImage): WantedLayer[] {
  const all = layers.map((descriptor, at) => ({ descriptor, diffId: config.value.rootfs.diff_ids[at]! }));
  return [...new Map(all.map((one) => [`${one.descriptor.digest} ${one.diffId}`, one])).values()];
}

function protect(
  { layers, content }: PullDependencies,
  resolved: ResolvedImage,
  wanted: readonly WantedLayer[],
  hold: Hold,
): void {
  const digests = [...documentsOf(resolved), ...wanted.flatMap((one) => [one.diffId, one.descriptor.digest])];
  for (const digest of new Set(digests)) {
    if (layers.has(digest) || content.has(digest)) hold.protect(digest);
    else hold.own(digest);
  }
}

function tellExisting(wanted: readonly WantedLayer[], report: Report): void {
  for (const layer of wanted)
    report({ task: layerTask(layer), message: "Already exists", outcome: "skipped" });
}

async function pullLayers(
  dependencies: PullDependencies,
  remote: RemoteRepository,
  wanted: readonly WantedLayer[],
  { report, signal }: Pick<FetchOptions, "report" | "signal">,
): Promise<void> {
  const missing = wanted.filter((layer) => !isHere(dependencies, layer));
  tellExisting(
    wanted.filter((layer) => !missing.includes(layer)),
    report,
  );
  for (const layer of missing) report({ task: layerTask(layer), message: "Pulling fs layer" });
  for (const layer of missing.slice(dependencies.maxDownloads))
    report({ task: layerTask(layer), message: "Waiting" });
  await inParallel(missing, dependencies.maxDownloads, signal, (layer, stop) =>
    dependencies.layerWork.join(`${layer.descriptor.digest} ${layer.diffId}`, report, stop, (shared) =>
      pullLayer(dependencies, remote, layer, shared),
    ),
  );
}

/** Docker's words for what a registry does not show; it may not say whether the repository is there. */
function asPullFailure(error: unknown, reference: Reference): unknown {
  if (!isVirgaError(error) || !["registry.unauthorized", "registry.denied"].includes(error.code))
    return error;
  return fail(
    "not-found",
    "image.pull-denied",
    `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require ` +
      `'docker login': ${error.message}`,
    { cause: error },
  );
}
