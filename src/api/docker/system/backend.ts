import type { Clock } from "../../../base/index.ts";
import type { Builds } from "../../../builds/index.ts";
import type { Events } from "../../../events/index.ts";
import type { CgroupFacts } from "../../../host/index.ts";
import type { LayerStore } from "../../../layers/index.ts";
import type { ContainersBackend } from "../containers/backend.ts";
import type { ImagesBackend } from "../images/backend.ts";
import type { VolumesBackend } from "../volumes/backend.ts";

/** `1.8.1`, and the commit it was built from; empty when it does not tell. */
export interface ProgramVersion {
  readonly version: string;
  readonly commit: string;
}

/** What the daemon knows about itself; given by the composition root. */
export interface DaemonFacts {
  /** Virga's version. */
  readonly version: string;
  /** The commit it was built from; empty when unknown. */
  readonly commit: string;
  /** Names this daemon, the same over restarts. */
  readonly id: string;
  readonly root: string;
  readonly startedAt: Date;
  readonly defaultRuntime: string;
  /** By name. */
  readonly runtimes: Readonly<Record<string, { readonly path: string }>>;
  /** Of the runtimes and the other programs that containers need, as each tells it when it is asked, once. */
  readonly programVersions: () => Promise<Readonly<Record<string, ProgramVersion>>>;
  readonly cgroups: Pick<CgroupFacts, "version" | "controllers" | "swapAccounting">;
  /** The program behind `--init`. */
  readonly initBinary: string;
  readonly debug: boolean;
  /** Bytes that a container may write that asks for no limit of its own. */
  readonly writableLimit?: number;
  /** `registry-mirrors` and `insecure-registries`, as they were set. */
  readonly registries: { readonly mirrors: readonly string[]; readonly insecure: readonly string[] };
}

/** What the system endpoints need. */
export interface SystemBackend {
  readonly containers: ContainersBackend["containers"];
  readonly containerBackend: ContainersBackend;
  readonly imageBackend: ImagesBackend;
  readonly volumes: VolumesBackend["volumes"];
  readonly layers: Pick<LayerStore, "list">;
  readonly builds: Pick<Builds, "cacheRecords">;
  readonly events: Pick<Events, "subscribe">;
  readonly clock: Clock;
  readonly facts: DaemonFacts;
  readonly warmUp: () => Promise<void>;
}
