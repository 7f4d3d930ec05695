import type { Clock } from "../base/index.ts";
import type { ContentStore, Descriptor, Digest } from "../content/index.ts";
import type { LayerStore } from "../layers/index.ts";
import type { State } from "../state/index.ts";
import { canonicalJson, mediaTypes, parseConfig, sha256 } from "./formats.ts";
import type { Garbage, Hold } from "./garbage.ts";
import type { Image, ImageRecipe, Origin } from "./image.ts";
import type { StoredReferrer } from "./referrers/referrer-table.ts";
import type { ImageStore } from "./store.ts";

/** An image whose blobs and layers are stored and held, about to be written down. */
export interface NewImage {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly config: Image["config"];
  readonly layers: readonly Descriptor[];
}

export interface RegisterDependencies {
  readonly state: State;
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly garbage: Garbage;
  readonly clock: Clock;
}

/**
 * Writes an image and its names (normalised) down, in one transaction. Throws `not-found` / `layer.not-found` or
 * `content.not-found` when a layer or a blob is not there.
 */
export async function register(
  dependencies: RegisterDependencies,
  image: NewImage,
  references: readonly string[],
  options: {
    /** `REPOSITORY@DIGEST`: what registries call it. */
    readonly digests?: readonly string[];
    /** The manifest, and with it the blobs, take the place of those that the image has, and go to registries as they are. */
    readonly settled?: boolean;
    /** How it came here. */
    readonly origin?: Origin;
    /** Takes what a replaced manifest leaves behind. */
    readonly hold?: Hold;
    /** What refers to it; the blobs are stored. */
    readonly referrers?: readonly StoredReferrer[];
  } = {},
): Promise<Image> {
  const { state, store, content, layers, garbage, clock } = dependencies;
  return await garbage.exclusively(async () => {
    let size = 0;
    for (const diffId of new Set(image.config.rootfs.diff_ids)) size += layers.stat(diffId).size;
    const known = store.get(image.id);
    // The first manifest of an image stays, unless another is settled: its blobs are the ones that are kept.
    const needed = [image.id, image.manifest.digest, ...image.layers.map((layer) => layer.digest)];
    if (!known || options.settled === true) for (const digest of needed) content.stat(digest);
    let orphaned: readonly Digest[] = [];
    state.transaction(() => {
      store.insert({ ...image, size, storedAt: clock.now() });
      if (options.settled === true) {
        store.replaceManifest(image);
        store.rememberSettled(image.id, image.manifest.digest);
      }
      for (const reference of references) store.tag(reference, image.id);
      if (options.origin !== undefined) store.addOrigin(image.id, options.origin);
      for (const digest of options.digests ?? []) store.addDigest(digest, image.id);
      // An image that keeps the manifest that it has had has no use for those of another one.
      const isTheirs = store.get(image.id)!.manifest.digest === image.manifest.digest;
      for (const one of isTheirs ? (options.referrers ?? []) : []) store.insertReferrer(one);
      if (options.settled === true) orphaned = store.dropOrphanedReferrers();
    });
    options.hold?.own(...orphaned);
    return store.get(image.id)!;
  });
}

/** Stores configuration and manifest of a recipe; equal recipes give equal bytes, and so the same id. */
export async function writeRecipe(
  dependencies: Pick<RegisterDependencies, "content">,
  recipe: ImageRecipe,
  hold: Hold,
): Promise<NewImage> {
  const { content } = dependencies;
  const descriptors = recipe.layers.map((layer) => layer.descriptor);
  hold.protect(...recipe.layers.map((layer) => layer.diffId), ...descriptors.map((one) => one.digest));
  const full = {
    ...recipe.config,
    rootfs: { type: "layers", diff_ids: recipe.layers.map((layer) => layer.diffId) },
  };
  const configJson = canonicalJson(full);
  const manifestJson = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: sha256(configJson), size: Buffer.byteLength(configJson) },
    layers: descriptors.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  });
  for (const json of [configJson, manifestJson]) {
    if (!content.has(sha256(json))) hold.own(sha256(json));
    else hold.protect(sha256(json));
  }
  const configBlob = await content.put(configJson);
  const manifestBlob = await content.put(manifestJson);
  return {
    id: configBlob.digest,
    manifest: { mediaType: mediaTypes.manifest, ...manifestBlob },
    config: parseConfig(JSON.parse(configJson), "the image configuration"),
    layers: descriptors,
  };
}
