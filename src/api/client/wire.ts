/** The JSON shapes of Virga's own API (`/v1`, on virga.sock). Times are RFC 3339. */

export interface WireError {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface WireSystem {
  readonly version: string;
  readonly root: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly dockerSocket: string;
  readonly logFile: string;
  /** Where the registry listens, if it does: `127.0.0.1:5000`. */
  readonly registry?: string;
  readonly containers: { readonly total: number; readonly running: number };
  readonly images: number;
}

export interface WireStackSource {
  readonly directory: string;
  readonly files: readonly string[];
  readonly projectName?: string;
  readonly profiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly envFiles?: readonly string[];
}

/** A stack by its files, or by its name alone. */
export type WireStackTarget = WireStackSource | { readonly name: string };

export interface WireUpOptions {
  readonly services: readonly string[];
  readonly build?: "missing" | "always" | "never";
  readonly forceRecreate?: boolean;
  readonly removeOrphans?: boolean;
  readonly noStart?: boolean;
  readonly wait?: boolean;
  readonly scale?: Readonly<Record<string, number>>;
}

export interface WireDownOptions {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly images?: "all" | "local";
  readonly timeout?: number;
}

export interface WireServiceStatus {
  readonly service: string;
  readonly container: string;
  readonly containerId: string;
  readonly image: string;
  readonly state: string;
  readonly health?: "starting" | "healthy" | "unhealthy";
  readonly createdAt: string;
  readonly ports: readonly string[];
  readonly urls: readonly string[];
}

export interface WireStackStatus {
  readonly name: string;
  readonly services: readonly WireServiceStatus[];
  readonly warnings: readonly string[];
}

export interface WireStackSummary {
  readonly name: string;
  readonly services: number;
  readonly running: number;
}

export interface WireLogOptions {
  /** Empty: all. */
  readonly services: readonly string[];
  readonly follow: boolean;
  readonly tail?: number;
  /** Seconds since 1970, with up to nine decimals. */
  readonly since?: string;
  readonly until?: string;
}

export interface WireLogLine {
  readonly service: string;
  readonly container: string;
  readonly stream: "stdout" | "stderr";
  readonly time: string;
  readonly text: string;
}

export interface WireOperation {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly startedAt: string;
  readonly status: "running" | "succeeded" | "failed" | "cancelled";
  readonly endedAt?: string;
  readonly result?: unknown;
  readonly error?: WireError;
}

export interface WireStopOptions {
  /** Seconds until SIGKILL; -1 waits without end. */
  readonly timeout?: number;
  readonly signal?: string;
}

export interface WireStopResult {
  /** It did not run, so nothing was done. */
  readonly alreadyStopped: boolean;
  /** It had to be killed: why. */
  readonly explanation?: WireStopExplanation;
}

export interface WireStopExplanation {
  /** `SIGTERM` */
  readonly signal: string;
  readonly waitedSeconds: number;
  readonly reason: "no-handler" | "ignored" | "blocked" | "shell" | "frozen" | "hangs" | "slow";
  /** One sentence for people. */
  readonly message: string;
  /** What can be changed, the best first. */
  readonly advice: readonly string[];
}

export interface WirePruneOptions {
  /** Only say what would go. */
  readonly plan?: boolean;
  /** Also images that have a name, when no container uses them, and the whole build cache. */
  readonly all?: boolean;
  /** Also volumes that were made without a name and that no container uses. Not together with `until`. */
  readonly volumes?: boolean;
  /** Only what was made before (RFC 3339). */
  readonly until?: string;
  /** Nothing but these, as `KIND ID`: what somebody has seen in a plan. */
  readonly only?: readonly string[];
}

export interface WirePruneItem {
  readonly kind: "container" | "network" | "volume" | "image" | "build-cache";
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
}

export interface WirePruneReport {
  /** Nothing has gone yet. */
  readonly planned: boolean;
  readonly items: readonly WirePruneItem[];
  readonly bytes: number;
}

/** What is to be different of a container. An absent field stays as it is. */
export interface WireContainerChange {
  readonly image?: string;
  readonly command?: readonly string[];
  /** Alone it keeps a command that was given; `[]` is that of the image. */
  readonly entrypoint?: readonly string[];
  /** `set`: `KEY=VALUE`; `remove`: `KEY`, also one that the image sets. */
  readonly env?: { readonly set?: readonly string[]; readonly remove?: readonly string[] };
  readonly labels?: {
    readonly set?: Readonly<Record<string, string>>;
    readonly remove?: readonly string[];
  };
  readonly ports?: {
    /** In place of all that there are. */
    readonly set?: readonly WirePort[];
    readonly add?: readonly WirePort[];
    /** `80/tcp`, or `8080:80/tcp` for one of several. */
    readonly remove?: readonly string[];
  };
  readonly publishAll?: boolean;
  readonly mounts?: {
    /** Takes the place of what is mounted at the same target. */
    readonly add?: readonly WireMount[];
    /** Targets. */
    readonly remove?: readonly string[];
  };
  readonly user?: string;
  readonly workingDir?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly init?: boolean;
  readonly resources?: WireLimits;
  readonly restart?: {
    readonly name: "no" | "always" | "unless-stopped" | "on-failure";
    readonly maximumRetryCount?: number;
  };
}

export interface WirePort {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  /** Empty: all addresses. */
  readonly hostIp: string;
  /** 0: one of the daemon's choice. */
  readonly hostPort: number;
  /** The last of a range, of which the first free one is taken. */
  readonly hostPortEnd?: number;
}

export type WireMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly propagation?: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";
      readonly nonRecursive?: boolean;
      /** Mounts below a read-only one: left writable, or an error where they cannot be read-only. */
      readonly readOnlyBelow?: "no" | "force" | "unasked";
      /** Make the folder when it is missing, as `-v` does. */
      readonly createSource?: boolean;
    }
  | {
      readonly type: "volume";
      /** Absent: a volume without a name. */
      readonly name?: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly noCopy?: boolean;
      readonly subpath?: string;
      /** Of a volume that is made for it. */
      readonly driverOptions?: Readonly<Record<string, string>>;
      readonly labels?: Readonly<Record<string, string>>;
    }
  | {
      /** The files of an image, read-only. */
      readonly type: "image";
      readonly source: string;
      readonly target: string;
      readonly subpath?: string;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      /** Bytes. */
      readonly size?: number;
      readonly mode?: number;
      readonly options?: readonly string[];
    };

export interface WireLimits {
  /** Bytes; 0 is no limit. */
  readonly memory?: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  /** Billionths of a CPU. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly blkioWeight?: number;
}

export interface WireRecreateOptions {
  /** Only say what would be done. */
  readonly plan?: boolean;
  /** Seconds that its program is given to end; -1 waits without end. */
  readonly timeout?: number;
}

export interface WireRecreated {
  readonly id: string;
  readonly name: string;
  /** Nothing has changed yet. */
  readonly planned: boolean;
  /** `what` is like `environment A`, `port 80/tcp`, `mount /data`, `memory`. */
  readonly changes: readonly { readonly what: string; readonly before?: string; readonly after?: string }[];
  /**
   * `nothing`: it is so already. `live`: while it runs. `restart`: it is ended and started again. `stored`: it does not
   * run, and will be so when it starts.
   */
  readonly how: "nothing" | "live" | "restart" | "stored";
  /** The longest that its program is given to end, in seconds; -1 without end. Only with `restart`. */
  readonly stopSeconds: number;
  /** What it has written outside of volumes is there afterwards. */
  readonly keepsFiles: boolean;
  readonly notes: readonly string[];
  /** From the first signal to the start; not in a plan. */
  readonly downtimeMs?: number;
  readonly warnings?: readonly string[];
  /** Its program had to be killed: why. */
  readonly explanation?: WireStopExplanation;
}

/** What POST /v1/builds builds. */
export interface WireBuild {
  /** The absolute path of a folder of the daemon's machine, read in place; or an address (git, http). */
  readonly directory: string;
  /** Path inside the folder; default `Dockerfile`. */
  readonly dockerfile?: string;
  readonly dockerfileText?: string;
  readonly tags?: readonly string[];
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly shmSize?: number;
  readonly memory?: number;
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly platform?: string;
  /** By name: as `directory`, or `docker-image://IMAGE`. */
  readonly contexts?: Readonly<Record<string, string>>;
  /** Values by id, in base64. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** By id: the socket of an SSH agent on the daemon's machine. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** RUN steps get the proxy variables and the CA bundle of the daemon's machine. */
  readonly hostProxy?: boolean;
  /** When a RUN fails, its files become an image of this name. */
  readonly debugImage?: string;
  readonly entitlements?: readonly ("network.host" | "security.insecure")[];
  /** The result has the content of a lock file. */
  readonly lock?: boolean;
  /** The content of the lock file to keep to. */
  readonly locked?: unknown;
}

/** Whether an image is what its source gives. */
export type WireVerification =
  | { readonly identical: true; readonly imageId: string }
  | {
      readonly identical: false;
      readonly imageId: string;
      readonly builtId: string;
      readonly difference: WireDifference;
    };

/** The first thing in which two images are not the same. */
export type WireDifference =
  | {
      readonly kind: "file";
      /** Counted from 1 at the bottom. */
      readonly layer: number;
      readonly layers: number;
      readonly step: string;
      readonly file: {
        readonly path: string;
        readonly what: string;
        readonly was?: string;
        readonly is?: string;
      };
    }
  | { readonly kind: "layers"; readonly was: number; readonly is: number }
  | { readonly kind: "configuration"; readonly field: string; readonly was: string; readonly is: string };

export interface WireBuildResult {
  readonly imageId: string;
  readonly warnings: readonly string[];
  readonly checks: readonly WireCheck[];
  readonly lock?: unknown;
}

/** What a build check found. */
export interface WireCheck {
  /** Docker's name of the check. */
  readonly rule: string;
  readonly description: string;
  readonly url: string;
  readonly message: string;
  readonly file: string;
  /** Lines, from 1. */
  readonly start: number;
  readonly end: number;
}

/** The answer of POST /v1/builds/check. */
export interface WireChecks {
  readonly warnings: readonly WireCheck[];
  /** The Dockerfile says that warnings are errors. */
  readonly failed: boolean;
}
