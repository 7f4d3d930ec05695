import type { Clock } from "../../../base/index.ts";
import type { Builds } from "../../../builds/index.ts";
import type { BuildkitConnections } from "../dependencies.ts";
import type { Images } from "../../../images/index.ts";

/** What the build endpoints need. */
export interface BuildBackend {
  readonly builds: Builds;
  readonly buildkit: Pick<BuildkitConnections, "pruneFolders">;
  readonly images: Pick<Images, "resolve">;
  readonly clock: Clock;
}
