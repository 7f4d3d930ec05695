import type { Clock } from "../../../base/index.ts";
import type { Containers } from "../../../containers/index.ts";
import type { Networks } from "../../../networks/index.ts";

/** What the network endpoints need. */
export interface NetworksBackend {
  readonly networks: Pick<Networks, "create" | "resolve" | "list" | "endpointsOf" | "remove" | "prune">;
  readonly containers: Pick<Containers, "get" | "list" | "connect" | "disconnect">;
  readonly clock: Clock;
}
