import type { Upstream } from "./cache.ts";

/** How a request to a cache was answered: with what was here, with what was fetched, or, for want of an answer, with what may be old. */
export type Outcome = "hit" | "miss" | "stale" | "failed";

/** What a cache holds and has done since the daemon's start. */
export interface CacheTotals {
  readonly upstream: string;
  readonly prefix: string;
  readonly repositories: number;
  /** Bytes of blobs and manifests, each counted once. */
  readonly bytes: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly fetchedBytes: number;
  /** Why the upstream could not be asked the last time, while that is so. */
  readonly failure?: string;
}

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
