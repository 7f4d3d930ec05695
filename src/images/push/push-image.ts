import { fail, type Report } from "../../base/index.ts";
import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { Registries, RemoteRepository } from "../../distribution/index.ts";
import type { Events } from "../../events/index.ts";
import { mediaTypes, parseJson, parseManifest } from "../formats.ts";
import type { Garbage } from "../garbage.ts";
import type { Image, PushOptions } from "../image.ts";
import { inParallel } from "../pull/parallel.ts";
import {
  familiar,
  familiarRepository,
  formatReference,
  parseReference,
  repositoryOf,
  type Reference,
} from "../reference.ts";
import { compressedManifest } from "../referrers/settle.ts";
import { blobsOf, type ImageStore } from "../store.ts";
import { createCompressed, isPlain, uncompressed } from "./compressed.ts";
import { pushLayer, pushTask, type LayerToPush } from "./push-layer.ts";
import { pushReferrers } from "./push-referrers.ts";

export interface PushDependencies {
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly garbage: Garbage;
  readonly events: Events;
  readonly registries: Registries;
  readonly maxUploads: number;
  readonly beforePush: (image: Image) => Promise<void>;
  /** Whether the registry is this daemon's own, which has the layers already, plain as they are. */
  readonly isOwn: (domain: string) => boolean;
}

/**
 * `docker push`: a tag, or all tags of a repository. An image that came from a registry goes out as it came, with the
 * same digest; one made here gets its layers compressed. The manifest goes last, so nobody sees half an image.
 */
export async function pushImages(
  dependencies: PushDependencies,
  name: string,
  { credentials, report = () => {}, pushed = () => {}, signal = new AbortController().signal }: PushOptions,
): Promise<void> {
  const reference = parseReference(name);
  const tags = tagsToPush(dependencies.store, reference);
  for (const { image } of tags) await dependencies.beforePush(image);
  await using hold = dependencies.garbage.hold();
  for (const { image } of tags) hold.protect(...blobsOf(image), ...referrersOf(dependencies.store, image));
  const access = { credentials: await credentials?.(reference.domain), signal, push: true };
  const remote = await dependencies.registries.open(reference, access);
  for (const { tag, image } of tags) {
    const { mediaType, bytes, digest } = await pushContent(dependencies, remote, image, {
      report,
      signal,
      hold,
    });
    signal.throwIfAborted();
    await remote.pushManifest(tag, mediaType, bytes, signal);
    const subject = { mediaType, digest, size: bytes.length };
    await pushReferrers(dependencies, remote, image.manifest.digest, subject, signal);
    dependencies.store.addDigest(`${repositoryOf(reference)}@${digest}`, image.id);
    const shown = familiar(formatReference({ ...reference, tag }));
    const attributes = { ...image.config.config?.Labels, name: familiarRepository(reference) };
    dependencies.events.emit("image", "push", shown, attributes);
    pushed({ tag, digest, size: bytes.length });
  }
}

export function referrersOf(store: ImageStore, image: Image): Iterable<Digest> {
  return store.blobsOfReferrers([image.manifest.digest]);
}

function tagsToPush(
  store: ImageStore,
  reference: Reference,
): { readonly tag: string; readonly image: Image }[] {
  if (reference.digest !== undefined) {
    throw fail("invalid", "image.push-digest", "cannot push a digest reference");
  }
  const repository = repositoryOf(reference);
  const wanted = (text: string) => {
    const { tag } = parseReference(text);
    return repositoryOf(parseReference(text)) === repository && (reference.tag ?? tag) === tag;
  };
  const found = store.list().flatMap((image) => {
    return image.references.filter(wanted).map((text) => ({ tag: parseReference(text).tag!, image }));
  });
  if (found.length > 0) return found.toSorted((a, b) => (a.tag < b.tag ? -1 : 1));
  const shown = familiar(formatReference(reference));
  throw fail("not-found", "image.not-found", `An image does not exist locally with the tag: ${shown}`, {
    hint: `name it first: docker tag IMAGE ${shown}`,
  });
}

export interface Work {
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly hold: ReturnType<Garbage["hold"]>;
}

/** Sends layers and configuration; returns the manifest that names them. */
export async function pushContent(
  dependencies: PushDependencies,
  remote: RemoteRepository,
  image: Image,
  work: Work,
): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array; readonly digest: Digest }> {
  const { store, content, maxUploads, isOwn } = dependencies;
  const asTheyAre = isOwn(remote.name.domain) || store.isSettled(image.id, image.manifest.digest);
  const compressed = asTheyAre ? uncompressed : createCompressed(store, content);
  const layers = layersToPush(store, remote, image, (layer) => compressed.known(layer));
  for (const layer of layers) work.report({ task: pushTask(layer), message: "Preparing" });
  for (const layer of layers.slice(maxUploads)) work.report({ task: pushTask(layer), message: "Waiting" });
  const there = new Map<Digest, Descriptor>();
  await inParallel(layers, maxUploads, work.signal, async (layer, signal) => {
    there.set(
      layer.descriptor.digest,
      await pushLayer({ content, compressed }, remote, layer, { ...work, signal }),
    );
  });
  const original = new Uint8Array(await new Response(content.open(image.manifest.digest)).arrayBuffer());
  const manifest = parseManifest(parseJson(original, "the manifest"), "the manifest");
  const { digest, size } = manifest.config;
  if (!(await remote.hasBlob(digest, work.signal))) {
    const open = (start: number, end: number) => content.open(digest, { start, end });
    await remote.pushBlob({ digest, size, open }, () => {}, work.signal);
  }
  if (asTheyAre || !image.layers.some(isPlain)) return { ...image.manifest, bytes: original };
  const bytes = Buffer.from(compressedManifest(image, manifest.config, there));
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  return { mediaType: mediaTypes.manifest, bytes, digest: `sha256:${hash}` };
}

/** Each layer once, with the repositories that may give it to the registry without a transfer. */
function layersToPush(
  store: ImageStore,
  remote: RemoteRepository,
  image: Image,
  known: (layer: Descriptor) => Descriptor | undefined,
): LayerToPush[] {
  const others = store.list().flatMap((other) => {
    const names = other.digests.map(parseReference);
    const paths = names.filter((one) => one.domain === remote.name.domain && one.path !== remote.name.path);
    const digests = new Set(other.layers.map((layer) => known(layer)?.digest));
    return paths.map(({ path }) => ({ path, digests }));
  });
  const all = image.layers.map((descriptor, at): LayerToPush => {
    const digest = known(descriptor)?.digest;
    const having = digest === undefined ? [] : others.filter((one) => one.digests.has(digest));
    const elsewhere = [...new Set(having.map((one) => one.path))].slice(0, 3);
    return { descriptor, diffId: image.config.rootfs.diff_ids[at]!, elsewhere };
  });
  return [...new Map(all.map((one) => [one.descriptor.digest, one])).values()];
}
