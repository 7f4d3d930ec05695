export { volumeMigrations } from "./store.ts";
export type { Volume, VolumeSpec, VolumeUse, Volumes } from "./volume.ts";
export { optionsProblem } from "./options.ts";
export { createVolumes, type VolumesDependencies } from "./volumes.ts";
