/**
 * What keeps a daemon's disk in order. `planPrune` says what a prune would take and how many bytes that frees, and
 * changes nothing; `prune` takes it.
 */
export interface Upkeep {
  planPrune(options: PruneOptions): Promise<PruneReport>;
  /** As `docker system prune`; what was in use meanwhile stays, and is not in the answer. */
  prune(options: PruneOptions): Promise<PruneReport>;
}

export interface PruneOptions {
  /** Also images that have a name, when no container uses them, and the whole build cache. */
  readonly all?: boolean;
  /** Also volumes that were made without a name and that no container uses. */
  readonly volumes?: boolean;
  /** Only what was made before. Not together with `volumes`: nobody knows when a volume was last of use. */
  readonly until?: Date;
  /** Nothing but these (`KIND ID`): those that somebody has seen in the plan. */
  readonly only?: readonly string[];
}

export type PruneKind = "container" | "network" | "volume" | "image" | "build-cache";

export interface PruneItem {
  readonly kind: PruneKind;
  readonly id: string;
  readonly name: string;
  /** What its going frees; layers that several share count for one of them. */
  readonly bytes: number;
}

export interface PruneReport {
  readonly items: readonly PruneItem[];
  readonly bytes: number;
}
