import { noReport, shortId, type Report } from "../../base/index.ts";
import type { Descriptor } from "../../content/index.ts";
import type { Events } from "../../events/index.ts";
import type { DiffId } from "../../layers/index.ts";
import type { Admission } from "../admission.ts";
import { canonicalJson, malformed, mediaTypes, sha256 } from "../formats.ts";
import type { Hold } from "../garbage.ts";
import type { Image } from "../image.ts";
import { announce } from "../import.ts";
import { register, type NewImage, type RegisterDependencies } from "../register.ts";
import { readReferrers, referrersFor } from "./archived-referrers.ts";
import { decompress } from "./decompress.ts";
import { readLayouts, type ArchivedImage } from "./layouts.ts";
import { spool } from "./spool.ts";

export interface LoadDependencies extends RegisterDependencies {
  readonly events: Events;
  readonly admission: Admission;
}

/**
 * Stores the archive's files, then unpacks all layers of all images, and only then writes the images down; before
 * that a failure leaves nothing.
 */
export async function loadArchive(
  dependencies: LoadDependencies,
  source: AsyncIterable<Uint8Array>,
  { report = noReport, signal }: { readonly report?: Report; readonly signal?: AbortSignal },
): Promise<{ readonly image: Image; readonly references: readonly string[] }[]> {
  const { content, garbage, events } = dependencies;
  await using hold = garbage.hold();
  const files = await spool(decompress(source), content, hold, signal);
  const archived = await readLayouts(files, content);
  const referrers = await readReferrers(files, content);
  for (const { origin, references, manifest } of archived) {
    const theirs = manifest ? referrersFor(referrers, manifest.digest).map((one) => one.referrer) : [];
    dependencies.admission.loading({ origin, references, manifest: manifest?.digest, referrers: theirs });
  }
  for (const image of archived) await unpackLayers(dependencies, image, hold, report, signal);
  signal?.throwIfAborted();
  const loaded: { image: Image; references: readonly string[] }[] = [];
  for (const one of archived) {
    const written = await withManifest(dependencies, one, hold);
    const image = await register(dependencies, written, one.references, {
      origin: one.origin,
      referrers: referrersFor(referrers, written.manifest.digest),
    });
    announce(events, "load", image);
    loaded.push({ image, references: one.references });
  }
  return loaded;
}

async function unpackLayers(
  { layers }: LoadDependencies,
  { config, layers: descriptors, configBlob }: ArchivedImage,
  hold: Hold,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== descriptors.length) {
    throw malformed(
      `image ${configBlob.digest} has ${descriptors.length} layers, its configuration names ${diffIds.length}`,
    );
  }
  for (const [position, descriptor] of descriptors.entries()) {
    await unpackLayer(layers, descriptor, diffIds[position]!, hold, report, signal);
  }
}

async function unpackLayer(
  layers: LoadDependencies["layers"],
  descriptor: Descriptor,
  expected: DiffId,
  hold: Hold,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  const task = `layer ${shortId(expected)}`;
  const known = layers.has(expected);
  report({ task, message: "Loading layer", total: descriptor.size, unit: "bytes" });
  if (known) hold.protect(expected);
  else hold.own(expected);
  await layers.unpack(descriptor, { expected, report, ...(signal ? { signal } : {}) });
  report({
    task,
    message: "Loaded",
    current: descriptor.size,
    total: descriptor.size,
    unit: "bytes",
    outcome: "done",
  });
}

async function withManifest(
  { content }: LoadDependencies,
  { configBlob, config, layers, manifest }: ArchivedImage,
  hold: Hold,
): Promise<NewImage> {
  const image = { id: configBlob.digest, config, layers };
  if (manifest) return { ...image, manifest };
  const json = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...configBlob },
    layers,
  });
  hold.own(sha256(json));
  return { ...image, manifest: { mediaType: mediaTypes.manifest, ...(await content.put(json)) } };
}
