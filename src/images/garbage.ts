import { KeyedLock, messageOf, type Logger } from "../base/index.ts";
import type { BlobInfo, ContentStore, Digest } from "../content/index.ts";
import type { DiffId, LayerInfo, LayerStore } from "../layers/index.ts";
import type { Gone } from "./image.ts";
import type { ImageStore } from "./store.ts";

/**
 * What else than images needs layers and blobs: containers, the build cache. Given by the composition root. Whoever
 * makes a layer names it here before anything can come between, or a prune takes it.
 */
export interface LayerUse {
  /** `without`: containers and cache entries, by id, that count as gone. */
  layersInUse(without?: ReadonlySet<string>): Iterable<DiffId>;
  blobsInUse(without?: ReadonlySet<string>): Iterable<Digest>;
}

/** Tells whether somebody else (the registry) needs a blob, and has so many that a list of them would be too long. */
export interface BlobUse {
  needs(digest: Digest): boolean;
}

/** What a piece of work keeps from being collected until it is done, and what it made. Disposing twice is as once. */
export interface Hold extends AsyncDisposable {
  /** Not collected while the hold lives. */
  protect(...digests: readonly Digest[]): void;
  /** As `protect`; and what nothing needs at the end of the hold goes: what work made, and what it may be the last to use. */
  own(...digests: readonly Digest[]): void;
}

export interface Candidates {
  readonly layers: Iterable<DiffId>;
  readonly blobs: Iterable<Digest>;
}

/** Removes layers and blobs that nothing needs. */
export interface Garbage {
  hold(): Hold;
  /** Runs `work` while nothing is collected, so that what it found is still there when it writes it down. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Removes those of `candidates` (default: all there are) that nothing needs; returns the bytes freed. */
  collect(candidates?: Candidates): Promise<number>;
  /** What nothing would need any more. */
  find(gone: Gone): { readonly layers: readonly LayerInfo[]; readonly blobs: readonly BlobInfo[] };
}

export interface GarbageDependencies {
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly uses: readonly LayerUse[];
  readonly blobUses: readonly BlobUse[];
  readonly logger: Logger;
}

/** So many are removed at once. What is in use is looked up for each such batch, which costs a read of all images. */
const batchSize = 32;

export function createGarbage(dependencies: GarbageDependencies): Garbage {
  const { content, layers } = dependencies;
  const lock = new KeyedLock();
  const held = new Map<Digest, number>();
  const exclusively: Garbage["exclusively"] = (work) => lock.run("", work);

  const collect = (candidates?: Candidates) =>
    exclusively(async () => {
      const theirLayers = candidates?.layers ?? layers.list().map((layer) => layer.diffId);
      const theirBlobs = candidates?.blobs ?? content.list().map((blob) => blob.digest);
      const freed = await sweepPartials(dependencies, held, candidates?.blobs);
      return (
        freed +
        (await sweep(dependencies, held, theirLayers, "layers")) +
        (await sweep(dependencies, held, theirBlobs, "blobs"))
      );
    });

  const hold = (): Hold => {
    const mine: Digest[] = [];
    const created: Digest[] = [];
    const protect = (...digests: readonly Digest[]) => {
      for (const digest of digests) held.set(digest, (held.get(digest) ?? 0) + 1);
      mine.push(...digests);
    };
    return {
      protect,
      own(...digests) {
        protect(...digests);
        created.push(...digests);
      },
      async [Symbol.asyncDispose]() {
        for (const digest of mine.splice(0)) release(held, digest);
        const candidates = created.splice(0);
        if (candidates.length > 0) await collect({ layers: candidates, blobs: candidates });
      },
    };
  };

  return { hold, exclusively, collect, find: (gone) => findGarbage(dependencies, held, gone) };
}

interface Removable {
  has(one: Digest): boolean;
  stat(one: Digest): { readonly size: number };
  remove(one: Digest): Promise<void>;
}

/** Removes those of `these` that nothing needs; returns the bytes freed. */
async function sweep(
  dependencies: GarbageDependencies,
  held: ReadonlyMap<Digest, number>,
  these: Iterable<Digest>,
  kind: "layers" | "blobs",
): Promise<number> {
  const { logger, blobUses } = dependencies;
  const store: Removable = kind === "layers" ? dependencies.layers : dependencies.content;
  const elsewhere = (one: Digest) => kind === "blobs" && blobUses.some((use) => use.needs(one));
  const before = neededBy(dependencies)[kind];
  const isFree = (one: Digest, needed: ReadonlySet<Digest>) =>
    !needed.has(one) && !held.has(one) && store.has(one) && !elsewhere(one);
  const take = async (one: Digest): Promise<number> => {
    try {
      const { size } = store.stat(one);
      await store.remove(one);
      return size;
    } catch (error) {
      logger.warn("could not remove what no image needs", { digest: one, error: messageOf(error) });
      return 0;
    }
  };
  let freed = 0;
  const all = [...new Set(these)].filter((one) => isFree(one, before));
  for (let at = 0; at < all.length; at += batchSize) {
    // Builds and containers went on while the last ones were removed. These are out of sight before anything comes between.
    const needed = neededBy(dependencies)[kind];
    const batch = all.slice(at, at + batchSize).filter((one) => isFree(one, needed));
    for (const size of await Promise.all(batch.map(take))) freed += size;
  }
  return freed;
}

function release(held: Map<Digest, number>, digest: Digest): void {
  const left = held.get(digest)! - 1;
  if (left === 0) held.delete(digest);
  else held.set(digest, left);
}

/** Removes the parts of blobs that no pull goes on with. */
async function sweepPartials(
  dependencies: GarbageDependencies,
  held: ReadonlyMap<Digest, number>,
  candidates: Iterable<Digest> | undefined,
): Promise<number> {
  const { content } = dependencies;
  const wanted = candidates === undefined ? undefined : new Set(candidates);
  const { blobs } = neededBy(dependencies);
  let freed = 0;
  for (const { digest, size } of content.partials()) {
    if (blobs.has(digest) || held.has(digest) || wanted?.has(digest) === false) continue;
    await content.removePartial(digest);
    freed += size;
  }
  return freed;
}

function findGarbage(
  dependencies: GarbageDependencies,
  held: ReadonlyMap<Digest, number>,
  gone: Gone,
): ReturnType<Garbage["find"]> {
  const needed = neededBy(dependencies, gone);
  const { layers, content, blobUses } = dependencies;
  const elsewhere = (digest: Digest) => blobUses.some((use) => use.needs(digest));
  return {
    layers: layers.list().filter(({ diffId }) => !needed.layers.has(diffId) && !held.has(diffId)),
    blobs: content
      .list()
      .filter(({ digest }) => !needed.blobs.has(digest) && !held.has(digest) && !elsewhere(digest)),
  };
}

function neededBy({ store, uses }: GarbageDependencies, gone?: Gone) {
  const needed = store.needed(gone?.images);
  return {
    layers: needed.layers.union(new Set(uses.flatMap((use) => [...use.layersInUse(gone?.users)]))),
    blobs: needed.blobs.union(new Set(uses.flatMap((use) => [...use.blobsInUse(gone?.users)]))),
  };
}
