import type { Clock, Report } from "../base/index.ts";
import type { Builds } from "../builds/index.ts";
import type { Containers } from "../containers/index.ts";
import type { CredentialsOf } from "../distribution/index.ts";
import type { Images } from "../images/index.ts";
import type { Networks } from "../networks/index.ts";
import type { Volumes } from "../volumes/index.ts";
import type { StackFiles } from "./stack-files.ts";

/** What carrying a plan out needs, and how it is to be done. */
export interface Applying {
  readonly project: string;
  readonly clock: Clock;
  readonly images: Pick<Images, "resolve" | "ensure">;
  readonly builds: Pick<Builds, "build">;
  readonly networks: Pick<Networks, "create" | "remove">;
  readonly volumes: Pick<Volumes, "create">;
  readonly containers: Pick<
    Containers,
    "create" | "start" | "stop" | "remove" | "rename" | "get" | "list" | "logs"
  >;
  readonly files: Pick<StackFiles, "write">;
  readonly report: Report;
  /** Who the caller is at registries. */
  readonly credentials?: CredentialsOf;
  /** Seconds; default: as the container says. */
  readonly stopTimeout?: number;
  /** With a removed container its anonymous volumes go too. */
  readonly removeVolumes?: boolean;
  readonly warn: (message: string) => void;
}
