import type { Outcome, Upstream } from "./cache.ts";

/** Counts what one cache does. */
export interface Counts {
  readonly outcomes: Record<Outcome, number>;
  fetchedBytes: number;
  failure: string | undefined;
  /** The upstream is not asked again before. */
  awayUntil: number;
}

export function createCounts(upstreams: readonly Upstream[]): (upstream: Upstream) => Counts {
  const all = new Map(
    upstreams.map((one): [string, Counts] => [
      one.domain,
      {
        outcomes: { hit: 0, miss: 0, stale: 0, failed: 0 },
        fetchedBytes: 0,
        failure: undefined,
        awayUntil: 0,
      },
    ]),
  );
  return ({ domain }) => all.get(domain)!;
}
