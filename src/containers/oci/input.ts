import type { CgroupFacts } from "../../host/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { OciConfig } from "../../runtimes/index.ts";
import type { HostMount } from "../container.ts";
import type { ContainerSpec } from "../spec.ts";

/** All that decides a container's OCI runtime configuration. The same input gives the same configuration. */
export interface OciConfigInput {
  readonly id: string;
  readonly spec: ContainerSpec;
  /** `mergeProcess` of the image's process and the spec: Container.process. */
  readonly process: ImageProcess;
  /** Of `resolveUser`. */
  readonly user: ResolvedUser;
  /** The mounted root filesystem: an absolute path on the host. */
  readonly rootfs: string;
  readonly mounts: readonly HostMount[];
  /** Files on the host that are bound to /etc/hosts, /etc/hostname and /etc/resolv.conf; an absent one is not. */
  readonly etc: {
    readonly hosts?: string;
    readonly hostname?: string;
    readonly resolvConf?: string;
  };
  readonly network: NetworkNamespace;
  /** From the top of each hierarchy: `identity.cgroupParent/ID`. */
  readonly cgroupPath: string;
  readonly host: HostFacts;
  /** A statically linked init (catatonit) on the host; needed when `spec.init` is set. */
  readonly initPath?: string;
  /** Folder on the host that is bound to /dev/shm, for IPC that containers share; absent: one of its own. */
  readonly sharedMemory?: string;
  /** Variables of containers that it is linked to, which the image and the user may replace. */
  readonly linkedEnv?: readonly string[];
  /** First process of a running container, for `container:ID` namespaces; undefined when it does not run. */
  readonly pidOf: (container: string) => number | undefined;
}

export type NetworkNamespace =
  | { readonly kind: "new" }
  | { readonly kind: "host" }
  /** An existing one: `/proc/PID/ns/net` of another container. */
  | { readonly kind: "path"; readonly path: string };

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, without `gid` twice. */
  readonly additionalGids: readonly number[];
  /** Home directory, `/` when the user has no passwd entry. */
  readonly home: string;
}

/** What this machine and this daemon can do; see `readHostFacts`. */
export interface HostFacts {
  readonly cgroup: CgroupFacts;
  /** The daemon's own effective and bounding set, `CAP_…`: what it can give to a container. */
  readonly capabilities: ReadonlySet<string>;
  readonly kernel: { readonly major: number; readonly minor: number };
  /** Go's name: `amd64`, `arm64`, … */
  readonly architecture: string;
  /** The daemon's resource limits by OCI name (`RLIMIT_NOFILE`); Infinity is unlimited. */
  readonly limits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** The daemon's own oom_score_adj: without CAP_SYS_RESOURCE nothing below it can be given. */
  readonly oomScoreAdj: number;
  readonly seccomp: boolean;
  /** Security modules that are switched on. */
  readonly apparmor: boolean;
  readonly selinux: boolean;
  readonly cpus: number;
  /** Counters of each CPU's throttling, which tell of the whole host. */
  readonly thermalPaths: readonly string[];
}

export interface OciConfigResult {
  readonly config: OciConfig;
  /** For the user's eyes, in Docker's words where Docker has some. */
  readonly warnings: readonly string[];
}
