import type { Containers } from "../../../containers/index.ts";
import type { Volumes } from "../../../volumes/index.ts";

/** What the volume endpoints need. */
export interface VolumesBackend {
  readonly volumes: Omit<Volumes, "seed">;
  readonly containers: Pick<Containers, "list">;
}
