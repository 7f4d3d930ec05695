import { fail, Slots, type KeyedLock } from "../../base/index.ts";
import type { DiffId } from "../../layers/index.ts";
import type { StepNews } from "../build-event.ts";
import type { WholeRun } from "../build-run.ts";
import { fetchLayer } from "./exchange/import-cache.ts";

/** Layers of one build that are on their way at the same time. */
const atOnce = 3;

type Parts = Pick<WholeRun, "services" | "cache" | "inUse" | "undo" | "signal"> & {
  readonly stepLocks: KeyedLock;
};

/** `WholeRun.fetchLayers`: each layer is got once, also by builds that run at the same time. */
export function createFetchLayers(parts: Parts): WholeRun["fetchLayers"] {
  const { services, cache, stepLocks, signal } = parts;
  const coming = new Map<DiffId, Promise<void>>();
  const slots = new Slots(atOnce);
  const fetch = async (diffId: DiffId, emit: (news: StepNews) => void) => {
    using _lock = await stepLocks.acquire(`layer ${diffId}`, signal);
    using _slot = await slots.acquire(signal);
    if (services.layers.has(diffId)) return;
    const layer = cache.layer(diffId);
    if (!layer) throw fail("not-found", "build.layer-missing", `the cache does not have the layer ${diffId}`);
    await fetchLayer({ ...parts, emit }, diffId, layer);
    cache.arrived(diffId);
  };
  return async (diffIds, emit = () => {}) => {
    const wanted = diffIds.filter((diffId) => !services.layers.has(diffId));
    const fetched = wanted.map((diffId) => {
      const work = coming.get(diffId) ?? fetch(diffId, emit);
      coming.set(diffId, work);
      return work;
    });
    await Promise.all(fetched);
  };
}
