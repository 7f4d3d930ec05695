import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import type { Events } from "../../events/index.ts";
import { endOfArchive, formatEntry, fromUtf8, padded } from "../../layers/index.ts";
import { canonicalJson, mediaTypes } from "../formats.ts";
import type { Garbage } from "../garbage.ts";
import type { Image } from "../image.ts";
import { announce } from "../import.ts";
import { describedManifest, indexOfManifests } from "../image-index.ts";
import { find } from "../lookup.ts";
import { familiar, parseReference, repositoryOf } from "../reference.ts";
import { referrersFile } from "./archived-referrers.ts";
import { blobsOfReferrer, type StoredReferrer } from "../referrers/referrer-table.ts";
import { blobsOf, type ImageStore } from "../store.ts";

export interface SaveDependencies {
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly garbage: Garbage;
  readonly events: Events;
}

type ImageIndex = ReturnType<typeof indexOfManifests>;

interface Saved {
  readonly image: Image;
  readonly references: readonly string[];
}

/**
 * A tar of images, Docker archive and OCI layout at once. Names are looked up before this returns; the blobs are kept
 * until the stream ends or is cancelled. Equal images give equal bytes.
 *
 * ```text
 * blobs/sha256/HEX   configurations, manifests, layers; each once
 * index.json         OCI: a manifest for each name
 * manifest.json      Docker: configuration, names and layers of each image; not where an index makes them one
 * oci-layout
 * referrers.json     signatures and the like, where there are some: an index of manifests with a subject
 * ```
 */
export function saveArchive(
  dependencies: SaveDependencies,
  names: readonly string[],
  signal: AbortSignal | undefined,
  as?: readonly string[],
  index?: ImageIndex,
): ReadableStream<Uint8Array> {
  const chosen = choose(dependencies.store, names);
  const saved = as === undefined ? chosen : chosen.map(({ image }) => ({ image, references: as }));
  const hold = dependencies.garbage.hold();
  for (const { image } of saved)
    hold.own(...blobsOf(image), ...dependencies.store.blobsOfReferrers([image.manifest.digest]));
  for (const { image } of saved) announce(dependencies.events, "save", image);
  const chunks = archive(dependencies, saved, index);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        signal?.throwIfAborted();
        const next = await chunks.next();
        if (!next.done) return controller.enqueue(next.value);
        await hold[Symbol.asyncDispose]();
        controller.close();
      } catch (error) {
        await hold[Symbol.asyncDispose]();
        throw error;
      }
    },
    async cancel() {
      await chunks.return(undefined);
      await hold[Symbol.asyncDispose]();
    },
  });
}

/** `Images.saveIndex`. */
export function saveIndex(
  dependencies: SaveDependencies,
  ids: readonly string[],
  as: readonly string[],
  signal: AbortSignal | undefined,
): { readonly stream: ReadableStream<Uint8Array>; readonly index: Descriptor } {
  const manifests = ids.map((id) => describedManifest(find(dependencies.store, id).image));
  const index = indexOfManifests(manifests);
  return { stream: saveArchive(dependencies, ids, signal, as, index), index: index.descriptor };
}

/** As `docker save`: a repository without a tag means all its tags, an id or a digest no name at all. */
function choose(store: ImageStore, names: readonly string[]): Saved[] {
  const chosen = new Map<Digest, { image: Image; references: Set<string> }>();
  const add = (image: Image, references: readonly string[]) => {
    const known = chosen.get(image.id) ?? { image, references: new Set() };
    for (const reference of references) known.references.add(reference);
    chosen.set(image.id, known);
  };
  for (const name of names) {
    const tags = wholeRepository(store, name);
    for (const { image, references } of tags) add(image, references);
    if (tags.length > 0) continue;
    const found = find(store, name);
    add(found.image, found.by === "reference" && !name.includes("@") ? found.references : []);
  }
  return [...chosen.values()].map(({ image, references }) => ({
    image,
    references: [...references].toSorted(),
  }));
}

function wholeRepository(store: ImageStore, name: string): Saved[] {
  // An id, or the beginning of one with its algorithm, has no tags; any plain word may be a repository.
  if (/^(sha256:)?[a-f0-9]{64}$/.test(name) || name.startsWith("sha256:")) return [];
  const wanted = parseReference(name);
  if (wanted.tag !== undefined || wanted.digest !== undefined) return [];
  const repository = repositoryOf(wanted);
  return store
    .list()
    .map((image) => ({
      image,
      references: image.references.filter((one) => repositoryOf(parseReference(one)) === repository),
    }))
    .filter(({ references }) => references.length > 0);
}

async function* archive(
  { content, store }: Pick<SaveDependencies, "content" | "store">,
  saved: readonly Saved[],
  index: ImageIndex | undefined,
): AsyncGenerator<Uint8Array> {
  const referrers = saved.flatMap(({ image }) => store.allReferrersOf(image.manifest.digest));
  const parts = [...saved.flatMap(({ image }) => blobsOf(image)), ...referrers.flatMap(blobsOfReferrer)];
  const made = new Map(index ? [[index.descriptor.digest, index.bytes]] : []);
  const blobs = [...new Set([...parts, ...made.keys()])].toSorted();
  let folder = "";
  yield directory("blobs");
  for (const digest of blobs) {
    const path = blobPath(digest);
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== folder) yield directory((folder = parent));
    const bytes = made.get(digest);
    const size = bytes?.length ?? content.stat(digest).size;
    yield file(path, size);
    if (bytes) yield bytes;
    else yield* content.open(digest);
    yield fill(size);
  }
  const documents: readonly [string, unknown][] = [
    ["index.json", index ? listOf(named(index.descriptor, saved[0]!.references)) : indexOf(saved)],
    // Docker's form knows no platforms.
    ...(index ? [] : [["manifest.json", saved.map((one) => dockerManifestOf(one))] as [string, unknown]]),
    ["oci-layout", { imageLayoutVersion: "1.0.0" }],
    ...(referrers.length > 0 ? [[referrersFile, indexOfReferrers(referrers)] as [string, unknown]] : []),
  ];
  for (const [path, document] of documents) {
    const bytes = Buffer.from(canonicalJson(document));
    yield Buffer.concat([file(path, bytes.length), bytes, fill(bytes.length)]);
  }
  yield endOfArchive;
}

function indexOfReferrers(referrers: readonly StoredReferrer[]): unknown {
  const manifests = referrers.map(({ referrer }) => {
    const { mediaType, digest, size, artifactType } = referrer;
    return { mediaType, digest, size, artifactType };
  });
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

function indexOf(saved: readonly Saved[]): unknown {
  return listOf(saved.flatMap(({ image, references }) => named(describedManifest(image), references)));
}

function listOf(manifests: readonly Descriptor[]): unknown {
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
}

/** A descriptor for each name. */
function named(plain: Descriptor, references: readonly string[]): Descriptor[] {
  if (references.length === 0) return [plain];
  return references.map((reference) => ({
    ...plain,
    annotations: {
      "io.containerd.image.name": reference,
      "org.opencontainers.image.ref.name": parseReference(reference).tag ?? "latest",
    },
  }));
}

function dockerManifestOf({ image, references }: Saved): unknown {
  const sources = image.layers.map((layer, position) => [image.config.rootfs.diff_ids[position], layer]);
  return {
    Config: blobPath(image.id),
    RepoTags: references.length === 0 ? null : references.map(familiar),
    Layers: image.layers.map((layer) => blobPath(layer.digest)),
    LayerSources: Object.fromEntries(sources) as Record<string, Descriptor>,
  };
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

const root = { uid: 0, gid: 0, modifiedNs: 0n };

function directory(path: string): Uint8Array {
  return formatEntry({ ...root, path: fromUtf8(path), type: "directory", mode: 0o755, size: 0 });
}

function file(path: string, size: number): Uint8Array {
  return formatEntry({ ...root, path: fromUtf8(path), type: "file", mode: 0o644, size });
}

function fill(size: number): Uint8Array {
  return new Uint8Array(padded(size) - size);
}
