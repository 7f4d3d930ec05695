import type { Duplex } from "node:stream";
import type { Clock, Logger } from "../../base/index.ts";
import type { Builds, CacheRecord } from "../../builds/index.ts";
import type { Containers } from "../../containers/index.ts";
import type { Registries } from "../../distribution/index.ts";
import type { Events } from "../../events/index.ts";
import type { Images } from "../../images/index.ts";
import type { LayerStore } from "../../layers/index.ts";
import type { Networks } from "../../networks/index.ts";
import type { Volumes } from "../../volumes/index.ts";
import type { DaemonFacts } from "./system/backend.ts";

/** BuildKit's API, on connections that were upgraded to HTTP/2; see `api/buildkit`. */
export interface BuildkitConnections {
  serveCalls(socket: Duplex): Promise<void>;
  serveSession(socket: Duplex, headers: Headers): Promise<void>;
  pruneFolders(
    select: (record: CacheRecord) => boolean,
  ): Promise<{ readonly removed: readonly string[]; readonly freed: number }>;
}

/** Everything that the Docker Engine API stands on. Each resource's `backend.ts` says what it needs of it. */
export interface DockerApiDependencies {
  readonly containers: Containers;
  readonly images: Images;
  readonly layers: LayerStore;
  readonly registries: Registries;
  readonly builds: Builds;
  readonly buildkit: BuildkitConnections;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly facts: DaemonFacts;
  /** A client has come that may start something: `Runtime.warmUp`. */
  readonly warmUp: () => Promise<void>;
}
