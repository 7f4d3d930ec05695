import type { Clock } from "../../../base/index.ts";
import type { Builds } from "../../../builds/index.ts";
import type { Images } from "../../../images/index.ts";

/** What the build endpoints need. */
export interface BuildBackend {
  readonly builds: Builds;
  readonly images: Pick<Images, "resolve">;
  readonly clock: Clock;
}
