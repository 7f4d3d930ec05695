import type { Clock } from "../../../base/index.ts";
import type { Containers } from "../../../containers/index.ts";
import type { Events } from "../../../events/index.ts";
import type { Images } from "../../../images/index.ts";
import type { LayerStore } from "../../../layers/index.ts";
import type { Networks } from "../../../networks/index.ts";

/** What the container endpoints need. */
export interface ContainersBackend {
  readonly containers: Omit<
    Containers,
    "createExec" | "getExec" | "startExec" | "resizeExec" | "waitExec" | "recover" | "close"
  >;
  readonly images: Pick<Images, "resolve">;
  readonly layers: Pick<LayerStore, "path">;
  readonly networks: Pick<Networks, "resolve">;
  readonly events: Pick<Events, "emit">;
  readonly clock: Clock;
}
