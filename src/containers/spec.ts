import type { HealthcheckConfig } from "../images/index.ts";
import type { PortMapping } from "../networks/index.ts";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * What a container is asked to be. Values of the image (command, environment, user, …) are not in here: a field that
 * is absent means "as the image says". Sizes are bytes, durations nanoseconds where Docker has nanoseconds.
 */
export interface ContainerSpec {
  readonly name?: string;
  /** As the user wrote it. */
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** `KEY=VALUE`; `KEY` alone removes a variable of the image. */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly tty?: boolean;
  /** The first size of its terminal. */
  readonly consoleSize?: TerminalSize;
  readonly openStdin?: boolean;
  readonly stdinOnce?: boolean;
  /** The streams that its client said it would attach to; kept to be told back. */
  readonly attach?: readonly ("stdin" | "stdout" | "stderr")[];
  /** Instructions for builds on images that are made of it. */
  readonly onBuild?: readonly string[];
  readonly stopSignal?: string;
  /** Seconds. */
  readonly stopTimeout?: number;
  readonly healthcheck?: HealthcheckConfig;
  readonly exposedPorts?: readonly string[];
  readonly mounts?: readonly MountSpec[];
  /** Of volumes that are named by nothing but a path, or by `-v`. */
  readonly volumeDriver?: string;
  /** `container[:ro]`. */
  readonly volumesFrom?: readonly string[];
  readonly network?: NetworkingSpec;
  readonly resources?: ResourceSpec;
  readonly security?: SecuritySpec;
  readonly namespaces?: NamespaceSpec;
  readonly restart?: RestartPolicy;
  readonly autoRemove?: boolean;
  readonly log?: LogSpec;
  /** Run a small init (catatonit) as process 1 that forwards signals and reaps. */
  readonly init?: boolean;
  /** Default: the daemon's default runtime. */
  readonly runtime?: string;
  readonly shmSize?: number;
  /** Docker's `StorageOpt`, as it was asked for. */
  readonly storageOptions?: Readonly<Record<string, string>>;
  /** Bytes that it may write besides its volumes; follows from `storageOptions`, or from the daemon's settings. */
  readonly writableLimit?: number;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly extraHosts?: readonly string[];
}

export type MountSpec =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly propagation?: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";
      readonly nonRecursive?: boolean;
      /**
       * Of mounts below a read-only one. `no`: they stay writable; `force`: an error where the kernel cannot make them
       * read-only; `unasked`: as `no`, by a client that knows nothing of all this. Default: read-only where it can.
       */
      readonly readOnlyBelow?: "no" | "force" | "unasked";
      /** Make the source directory when it is missing (`-v` does, `--mount` does not). */
      readonly createSource?: boolean;
      /** The words of `-v`, as they were written. */
      readonly mode?: string;
    }
  | {
      readonly type: "volume";
      /** Absent: an anonymous volume. */
      readonly name?: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly noCopy?: boolean;
      /** Without a name, and yet asked for with all the rest of a mount (Docker's `--mount`). */
      readonly declared?: boolean;
      /** What to mount of it; symlinks on the way stay inside the volume. */
      readonly subpath?: string;
      readonly driver?: string;
      readonly driverOptions?: Readonly<Record<string, string>>;
      readonly labels?: Readonly<Record<string, string>>;
      /** The words of `-v`, as they were written. */
      readonly mode?: string;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly size?: number;
      readonly mode?: number;
      readonly options?: readonly string[];
      /** Asked for by `--tmpfs`. */
      readonly short?: boolean;
    }
  | {
      /** The files of an image, read-only. */
      readonly type: "image";
      readonly source: string;
      readonly target: string;
      readonly subpath?: string;
    };

export interface NetworkingSpec {
  /** `bridge` (default), `host`, `none`, `container:ID`, or a network's name or id. */
  readonly mode?: string;
  /** Settings by network name; more than the network of `mode` may be named. */
  readonly endpoints?: Readonly<Record<string, EndpointSettings>>;
  readonly ports?: readonly PortMapping[];
  readonly publishAll?: boolean;
  readonly macAddress?: string;
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** `CONTAINER[:ALIAS]` on the default bridge: names in /etc/hosts and variables. Ignored on other networks. */
  readonly links?: readonly string[];
}

export interface EndpointSettings {
  readonly aliases?: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  /** Further addresses of its interface, from 169.254.0.0/16 and fe80::/10. */
  readonly linkLocal?: readonly string[];
  /** `CONTAINER[:ALIAS]`: names that only this container has for others on the network. */
  readonly links?: readonly string[];
  /** Docker's `DriverOpts`; `endpointSettings` has checked them. */
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** The network with the highest has the default route; 0 when nothing is said. */
  readonly gatewayPriority?: number;
}

export interface ResourceSpec {
  readonly memory?: number;
  /** Memory and swap together; -1 is unlimited. */
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  /** Billionths of a CPU: 1.5 CPUs are 1_500_000_000. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly blkioWeight?: number;
  readonly blkioWeightDevice?: readonly { readonly path: string; readonly weight: number }[];
  /** Bytes, or operations, a second. */
  readonly blkioDeviceReadBps?: readonly DeviceRate[];
  readonly blkioDeviceWriteBps?: readonly DeviceRate[];
  readonly blkioDeviceReadIops?: readonly DeviceRate[];
  readonly blkioDeviceWriteIops?: readonly DeviceRate[];
  /** 0 to 100; only cgroup v1 has it. */
  readonly memorySwappiness?: number;
  /** Linux has given this one up; it is kept to be told back. */
  readonly kernelMemory?: number;
  /** Of socket buffers, bytes; only cgroup v1 has it. */
  readonly kernelMemoryTcp?: number;
  /** Microseconds; only cgroup v1 has real-time shares. */
  readonly cpuRealtimePeriod?: number;
  readonly cpuRealtimeRuntime?: number;
  /** What only Windows knows: told back, with a warning. */
  readonly cpuPercent?: number;
  readonly cpuCount?: number;
  /** The cgroup, from the top of each hierarchy, in which the container's own is made. Default: the daemon's. */
  readonly cgroupParent?: string;
  readonly ulimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly oomScoreAdj?: number;
  readonly oomKillDisable?: boolean;
  readonly devices?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly permissions: string;
  }[];
  /** `c 1:3 rwm`; `a` and `*` stand for all. */
  readonly deviceCgroupRules?: readonly string[];
  readonly deviceRequests?: readonly DeviceRequest[];
}

export interface DeviceRate {
  readonly path: string;
  readonly rate: number;
}

/** A wish for devices that a driver chooses (`--gpus`). */
export interface DeviceRequest {
  readonly driver: string;
  readonly count: number;
  readonly deviceIds: readonly string[];
  readonly capabilities: readonly (readonly string[])[];
  readonly options: Readonly<Record<string, string>>;
}

export interface SecuritySpec {
  readonly privileged?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  /** `unconfined`, or a profile as JSON in Docker's format; absent: the default profile. */
  readonly seccomp?: string;
  readonly readonlyRootfs?: boolean;
  readonly groupAdd?: readonly string[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  /** A profile that is loaded on the host, or `unconfined`. */
  readonly apparmor?: string;
  /** SELinux: `disable`, or parts of a label such as `type:T` and `level:L`. */
  readonly labels?: readonly string[];
  /** Further options of the mount of /proc, such as `hidepid=2`. */
  readonly procOptions?: readonly string[];
  /** The container may make cgroups below its own; default for privileged ones. */
  readonly writableCgroups?: boolean;
  /** The security options in the client's own spelling, which tools compare with what they asked for. */
  readonly written?: readonly string[];
}

/** `host`, `private`, `container:ID`, for ipc also `shareable` and `none`. */
export interface NamespaceSpec {
  readonly pid?: string;
  readonly ipc?: string;
  readonly uts?: string;
  readonly cgroup?: string;
}

export interface RestartPolicy {
  readonly name: "no" | "always" | "unless-stopped" | "on-failure";
  readonly maximumRetryCount?: number;
}

export interface LogSpec {
  readonly driver: LogDriver;
  /** As asked (`max-size`, `labels`, `syslog-address`, …); `parseLogOptions` has checked them. */
  readonly options?: Readonly<Record<string, string>>;
  /** Of one file; default 10 MiB. */
  readonly maxBytes?: number;
  /** Default 3. */
  readonly maxFiles?: number;
  /** Rotated files are kept gzipped. */
  readonly compress?: boolean;
}

/** `journald` and `syslog` keep the log as the others do, so that it can be read, and send it on. */
export type LogDriver = "json-file" | "local" | "none" | "journald" | "syslog";
