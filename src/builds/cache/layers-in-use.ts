import type { Digest } from "../../content/index.ts";
import type { DiffId, LayerStore } from "../../layers/index.ts";
import type { StepCache } from "./step-cache.ts";

/** What the build cache and running builds keep from being collected with the images' garbage. */
export interface CacheUse {
  /** `without`: entries, by key, that count as gone. */
  layersInUse(without?: ReadonlySet<string>): Iterable<DiffId>;
  blobsInUse(without?: ReadonlySet<string>): Iterable<Digest>;
}

/** Layers that a running build stands on, though no image or cache entry names them (yet, or any more). */
export interface LayersInUse extends CacheUse {
  /** Whether a running build stands on it. */
  isHeld(diffId: DiffId): boolean;
  /** Keeps a layer until the returned value is disposed of. */
  hold(layer: { readonly diffId: DiffId; readonly descriptor: { readonly digest: Digest } }): Disposable;
  /** While `work` makes a layer it is known to nobody: all that comes to be meanwhile is kept. */
  making<T>(work: () => Promise<T>): Promise<T>;
}

export interface LayersInUseDependencies {
  readonly cache: StepCache;
  readonly layers: Pick<LayerStore, "list">;
  readonly content: { list(): { readonly digest: Digest }[] };
}

export function createLayersInUse({ cache, layers, content }: LayersInUseDependencies): LayersInUse {
  const held = new Map<symbol, { readonly diffId: DiffId; readonly blob: Digest }>();
  /** What was there when the oldest commit under way began. */
  const making = new Map<symbol, { readonly layers: Set<DiffId>; readonly blobs: Set<Digest> }>();
  const entries = (without?: ReadonlySet<string>) =>
    cache.list().flatMap((entry) => (without?.has(entry.key) ? [] : (entry.layer ?? [])));
  const since = <T>(all: T[], before: (snapshot: { layers: Set<DiffId>; blobs: Set<Digest> }) => Set<T>) =>
    making.size === 0 ? [] : all.filter((one) => [...making.values()].some((old) => !before(old).has(one)));
  return {
    hold({ diffId, descriptor }) {
      const key = Symbol("hold");
      held.set(key, { diffId, blob: descriptor.digest });
      return { [Symbol.dispose]: () => void held.delete(key) };
    },
    isHeld: (diffId) => [...held.values()].some((one) => one.diffId === diffId),
    async making(work) {
      const key = Symbol("making");
      making.set(key, {
        layers: new Set(layers.list().map((layer) => layer.diffId)),
        blobs: new Set(content.list().map((blob) => blob.digest)),
      });
      try {
        return await work();
      } finally {
        making.delete(key);
      }
    },
    layersInUse: (without) => [
      ...entries(without).map((layer) => layer.diffId),
      ...[...held.values()].map((one) => one.diffId),
      ...since(
        layers.list().map((layer) => layer.diffId),
        (old) => old.layers,
      ),
    ],
    blobsInUse: (without) => [
      ...entries(without).map((layer) => layer.descriptor.digest),
      ...[...held.values()].map((one) => one.blob),
      ...since(
        content.list().map((blob) => blob.digest),
        (old) => old.blobs,
      ),
    ],
  };
}
