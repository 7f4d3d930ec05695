import { fail, type Clock, type Logger } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Events } from "../events/index.ts";
import type { LayerStore } from "../layers/index.ts";
import type { State } from "../state/index.ts";
import { admitAll, type Admission } from "./admission.ts";
import { loadArchive } from "./archive/load.ts";
import { saveArchive, saveIndex } from "./archive/save.ts";
import type { Registries } from "../distribution/index.ts";
import { admitted, createPulls } from "./ensure.ts";
import { createGarbage, type BlobUse, type LayerUse } from "./garbage.ts";
import type { Image, Images, ImageUse } from "./image.ts";
import { announce, importRootfs, type RootfsImport } from "./import.ts";
import { pullLife } from "./registry-records.ts";
import { find } from "./lookup.ts";
import {
  familiar,
  familiarRepository,
  formatReference,
  parseReference,
  withDefaultTag,
} from "./reference.ts";
import { remembered } from "./remembered.ts";
import { createReferrers } from "./referrers/referrers.ts";
import { register, writeRecipe, type RegisterDependencies } from "./register.ts";
import { prunableImages, pruneImages, removeImage } from "./remove.ts";
import type { FetchOptions, ImageSource } from "./source.ts";
import { pushImages } from "./push/push-image.ts";
import { pushIndex } from "./push/push-index.ts";
import { createRegistrySource } from "./pull/registry-source.ts";
import { createImageStore, type ImageStore } from "./store.ts";

export interface ImagesDependencies {
  readonly state: State;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Which containers use an image. */
  readonly use: ImageUse;
  /** Who else than images needs layers and blobs: containers, the build cache. */
  readonly layerUses: readonly LayerUse[];
  /** Who else needs blobs: the registry. */
  readonly blobUses?: readonly BlobUse[];
  /** The registries; without them images only come from `sources`. */
  readonly registries?: Registries;
  /** Layers of one pull that are on their way at the same time. */
  readonly maxDownloads?: number;
  readonly maxUploads?: number;
  /** Makes what is to go out with an image and is not made yet. */
  readonly beforePush?: (image: Image) => Promise<void>;
  /** Whether a registry is this daemon's own; images go there without being compressed. */
  readonly isOwnRegistry?: (domain: string) => boolean;
  /** Where images come from that are not here when their registry can't be reached, asked in order. */
  readonly sources: readonly ImageSource[];
  /** Says which images may come here and be used; all when nobody does. */
  readonly admission?: Admission;
}

export function createImages(dependencies: ImagesDependencies): Images {
  const { state, content, layers, events, clock, logger, use, admission = admitAll } = dependencies;
  const store = remembered(createImageStore(state), state);
  const garbage = createGarbage({
    store,
    content,
    layers,
    uses: dependencies.layerUses,
    blobUses: dependencies.blobUses ?? [],
    logger,
  });
  const writing = { state, store, content, layers, garbage, clock };
  const removing = { state, store, garbage, events, use };
  const importing = (source: AsyncIterable<Uint8Array>, options: RootfsImport) =>
    importRootfs(writing, source, options);
  const transfers = createTransfers(dependencies, writing, importing);

  return {
    ...createLookups(store, admission),
    async create(recipe, reference) {
      const name = reference === undefined ? undefined : tagName(reference);
      await using hold = garbage.hold();
      const written = await writeRecipe(writing, recipe, hold);
      const image = await register(writing, written, name === undefined ? [] : [name], { origin: "made" });
      announce(events, "create", image);
      if (name !== undefined) announce(events, "tag", image, familiar(name));
      return image;
    },
    tag(name, reference) {
      const target = tagName(reference);
      const { image } = find(store, name);
      store.tag(target, image.id);
      announce(events, "tag", image, familiar(target));
    },
    remove: (name, options = {}) => removeImage(removing, name, options),
    prune: (options) => pruneImages(removing, options),
    prunable: (options) => prunableImages(removing, options),
    garbage: (gone) => garbage.find(gone),
    async collectGarbage(candidates) {
      store.forgetPulls(new Date(clock.now().getTime() - pullLife));
      return await garbage.collect(candidates);
    },
    async importRootfs(source, { reference, message, ...options }) {
      const name = reference === undefined ? undefined : tagName(reference);
      const image = await importing(source, {
        ...options,
        ...(name === undefined ? {} : { reference: name }),
        origin: "tarball",
        created: clock.now().toISOString(),
        history: { comment: message ?? "Imported from -" },
      });
      announceImport(events, image, name);
      return image;
    },
    load: (source, options = {}) => loadArchive({ ...writing, events, admission }, source, options),
    save: (names, signal, as) => saveArchive({ store, content, garbage, events }, names, signal, as),
    saveIndex: (ids, as, signal) => saveIndex({ store, content, garbage, events }, ids, as, signal),
    ...transfers,
    referrers: createReferrers(writing),
  };
}

function createLookups(
  store: ImageStore,
  admission: Admission,
): Pick<Images, "resolve" | "admitted" | "originsOf" | "list"> {
  return {
    resolve: (name) => find(store, name).image,
    admitted: (name) => admitted({ store, admission }, name),
    originsOf: (name) => store.originsOf(find(store, name).image.id),
    list: () => store.list(),
  };
}

/** The ways to and from registries, and what stands in for them. */
function createTransfers(
  dependencies: ImagesDependencies,
  writing: RegisterDependencies,
  importing: (source: AsyncIterable<Uint8Array>, options: RootfsImport) => Promise<Image>,
): Pick<Images, "ensure" | "pull" | "push" | "pushIndex"> {
  const { events, registries, sources, maxDownloads = 3, maxUploads = 5 } = dependencies;
  const isOwn = dependencies.isOwnRegistry ?? (() => false);
  const { admission = admitAll } = dependencies;
  const importRootfs: FetchOptions["importRootfs"] = (source, options) =>
    importing(source, { ...options, origin: "fetched" });
  const registry = registries && createRegistrySource({ ...writing, registries, maxDownloads, admission });
  const { beforePush = () => Promise.resolve() } = dependencies;
  const pushing = () => {
    if (!registries) throw fail("unavailable", "image.no-registry", "no registry is configured");
    return { ...writing, events, registries, maxUploads, isOwn, beforePush };
  };
  return {
    ...createPulls({ store: writing.store, events, registry, sources, importRootfs, admission }),
    push: async (name, options = {}) => await pushImages(pushing(), name, options),
    pushIndex: async (name, ids, options = {}) => await pushIndex(pushing(), name, ids, options),
  };
}

/** The normalised name for an image. Throws `invalid` for a digest (that is computed, never given) and what reads like one. */
function tagName(text: string): string {
  const reference = parseReference(text);
  if (familiarRepository(reference) === "sha256") {
    throw fail(
      "invalid",
      "image.reference-invalid",
      "refusing to create an ambiguous tag using digest algorithm as name",
    );
  }
  if (reference.digest === undefined) return formatReference(withDefaultTag(reference));
  throw fail("invalid", "image.reference-invalid", "refusing to create a tag with a digest reference");
}

function announceImport(events: Events, image: Image, name: string | undefined): void {
  if (name !== undefined) announce(events, "tag", image, familiar(name));
  announce(events, "import", image);
}
