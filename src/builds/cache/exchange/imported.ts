import type { Descriptor } from "../../../content/index.ts";
import type { DiffId } from "../../../layers/index.ts";
import type { StepResult } from "../step-cache.ts";
import type { CachePlace } from "./cache-place.ts";

/** What a cache elsewhere knows. */
export interface ImportedSteps {
  readonly steps: ReadonlyMap<string, StepResult>;
  /** By DiffID: how to get the layers that it has. */
  readonly layers: ReadonlyMap<DiffId, ImportedLayer>;
}

export interface ImportedLayer {
  readonly place: CachePlace;
  readonly blob: Descriptor;
  /** What the layer's blob is on this daemon: the plain tar for one that was made by a build. */
  readonly kept: Descriptor;
}
