import type { Clock } from "../../../base/index.ts";
import type { Containers } from "../../../containers/index.ts";
import type { Registries } from "../../../distribution/index.ts";
import type { Images } from "../../../images/index.ts";
import type { LayerStore } from "../../../layers/index.ts";

/** What the image endpoints need. */
export interface ImagesBackend {
  readonly images: Omit<Images, "create">;
  readonly layers: Pick<LayerStore, "path" | "stat">;
  readonly containers: Pick<Containers, "list">;
  readonly registries: Registries;
  readonly clock: Clock;
}
