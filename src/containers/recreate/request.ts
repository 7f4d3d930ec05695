import type { HealthcheckConfig } from "../../images/index.ts";
import type { PortMapping } from "../../networks/index.ts";
import type { MountSpec, ResourceSpec, RestartPolicy } from "../spec.ts";

/** What is to be different. An absent field stays as it is. */
export interface ContainerChange {
  readonly image?: string;
  readonly command?: readonly string[];
  /** Alone it keeps a command that was given; `[]` is that of the image. */
  readonly entrypoint?: readonly string[];
  /** `KEY=VALUE`; a removed one that the image sets is unset too. */
  readonly env?: { readonly set?: readonly string[]; readonly remove?: readonly string[] };
  readonly labels?: {
    readonly set?: Readonly<Record<string, string>>;
    readonly remove?: readonly string[];
  };
  readonly ports?: {
    /** In place of all that there are. */
    readonly set?: readonly PortMapping[];
    readonly add?: readonly PortMapping[];
    /** `80/tcp`, or `8080:80/tcp` for one of several. */
    readonly remove?: readonly string[];
  };
  readonly publishAll?: boolean;
  readonly mounts?: {
    /** Takes the place of what is mounted at the same target. */
    readonly add?: readonly MountSpec[];
    /** Targets. */
    readonly remove?: readonly string[];
  };
  readonly user?: string;
  readonly workingDir?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly init?: boolean;
  readonly healthcheck?: HealthcheckConfig;
  readonly resources?: ResourceSpec;
  readonly restart?: RestartPolicy;
}

/** One difference, for people: `environment A`, `port 80/tcp`, `mount /data`, `memory`. */
export interface Difference {
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
}

export interface ChangePlan {
  readonly changes: readonly Difference[];
  /**
   * `nothing`: it is so already. `live`: while it runs. `restart`: it is ended and started again. `stored`: it does not
   * run, and will be so when it starts.
   */
  readonly how: "nothing" | "live" | "restart" | "stored";
  /** The longest that its program is given to end, in seconds; -1 without end. Only with `restart`. */
  readonly stopSeconds: number;
  /** What it has written outside of volumes is there afterwards. */
  readonly keepsFiles: boolean;
  /** What else is to be known before, in sentences. */
  readonly notes: readonly string[];
}

export interface ChangeOptions {
  /** Seconds that its program is given to end. */
  readonly timeout?: number;
}

export interface Changed extends ChangePlan {
  /** From the first signal to the start; 0 when it was not ended. */
  readonly downtimeMs: number;
  readonly warnings: readonly string[];
}
