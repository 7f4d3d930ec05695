export { createUpkeep, type UpkeepDependencies } from "./prune.ts";
export type { PruneItem, PruneKind, PruneOptions, PruneReport, Upkeep } from "./upkeep.ts";
