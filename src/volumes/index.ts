export type { Volume, VolumeSpec, VolumeUse, Volumes } from "./volume.ts";
