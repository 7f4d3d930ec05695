import type { LayerStore, DiffId } from "../../layers/index.ts";
import type { StepCache, StepResult } from "./step-cache.ts";
import type { ImportedLayer, ImportedSteps } from "./exchange/imported.ts";

/** The cache as one build sees it: the daemon's, with what was imported for this build, and with a memory of its use. */
export interface BuildCache extends Pick<StepCache, "find" | "save"> {
  /** What the build has asked for and found, or made, by key. */
  readonly used: ReadonlyMap<string, StepResult>;
  /** Layers that are known, not here, and nowhere to be got: see `forgetMissing`. */
  readonly missing: ReadonlySet<DiffId>;
  /** From now on steps whose layers can't be got count as unknown. */
  forgetMissing(): void;
  /** How to get a layer that is not here. */
  layer(diffId: DiffId): ImportedLayer | undefined;
  /** A layer has come: the daemon keeps the steps that made it. */
  arrived(diffId: DiffId): void;
}

export interface BuildCacheDependencies {
  readonly cache: StepCache;
  readonly layers: Pick<LayerStore, "has">;
  readonly content: { has(digest: NonNullable<StepResult["layer"]>["descriptor"]["digest"]): boolean };
}

export function createBuildCache(
  { cache, layers, content }: BuildCacheDependencies,
  imports: readonly ImportedSteps[],
): BuildCache {
  const used = new Map<string, StepResult>();
  const isHere = ({ diffId, descriptor }: NonNullable<StepResult["layer"]>) =>
    layers.has(diffId) && content.has(descriptor.digest);
  const layer = (diffId: DiffId) => imports.find((one) => one.layers.has(diffId))?.layers.get(diffId);
  const known = imports.flatMap(({ steps }) => [...steps.values()].flatMap((step) => step.layer ?? []));
  const missing = new Set(known.filter((one) => !isHere(one) && !layer(one.diffId)).map((one) => one.diffId));
  let tolerant = true;
  const imported = (key: string): StepResult | undefined => {
    for (const { steps } of imports) {
      const result = steps.get(key);
      if (!result) continue;
      if (!result.layer || isHere(result.layer)) {
        cache.save(key, result);
        return result;
      }
      if (layer(result.layer.diffId) || tolerant) return result;
    }
    return undefined;
  };
  return {
    used,
    missing,
    forgetMissing() {
      tolerant = false;
      used.clear();
    },
    layer,
    find(key) {
      const found = cache.find(key) ?? imported(key);
      // A result that stands under two keys stays known by both.
      if (found) used.set(key, found).set(found.step, found);
      return found;
    },
    save(key, result) {
      used.set(key, result);
      if (!result.layer || isHere(result.layer)) cache.save(key, result);
    },
    arrived(diffId) {
      for (const [key, result] of used) if (result.layer?.diffId === diffId) cache.save(key, result);
    },
  };
}
