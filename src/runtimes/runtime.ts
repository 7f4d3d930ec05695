/**
 * How a container's first process comes to run. The engine decides what (a complete OCI runtime configuration); a
 * Runtime makes it so through an OCI runtime (crun by default) under conmon, which keeps stdio, log and exit code
 * while the daemon is down.
 *
 * The life of a task: `create` (namespaces, cgroup and mounts exist, the first process waits) → network is attached to
 * its pid → `start` → it ends, `exits` tells its code → `delete` removes what the runtime keeps. After a daemon
 * restart `inspect` tells the state of each task from what is on disk and in /proc.
 */
export interface TaskSpec {
  /** The container's id. */
  readonly id: string;
  /** Folder for the OCI bundle: config.json, attach socket, control fifo. */
  readonly bundle: string;
  /** The OCI runtime configuration (config.md), complete. */
  readonly config: OciConfig;
  readonly runtime: string;
  readonly log: TaskLog;
  readonly tty: boolean;
  /** stdin stays open for attach. */
  readonly stdin: boolean;
  /** With `stdin`: closes when the first attached client goes (`StdinOnce`). */
  readonly stdinOnce: boolean;
}

export type TaskLog =
  | { readonly kind: "none" }
  /** In conmon's k8s-file format; rotated by the daemon, capped by conmon while the daemon is down. */
  | { readonly kind: "file"; readonly path: string; readonly maxBytes: number };

/** The parts of the OCI runtime configuration that Virga writes; the rest is open. */
export type OciConfig = Readonly<Record<string, unknown>>;

export type TaskState =
  | { readonly status: "created"; readonly pid: number }
  | { readonly status: "running"; readonly pid: number }
  | { readonly status: "paused"; readonly pid: number }
  | { readonly status: "stopped"; readonly exit: TaskExit }
  /** The runtime knows nothing of it (never created, or deleted), and no exit was recorded: a reboot, say. */
  | { readonly status: "unknown" };

export interface TaskExit {
  /** 128 + N for a process ended by signal N, as shells and Docker count. */
  readonly exitCode: number;
  readonly endedAt: Date;
  readonly oomKilled: boolean;
}

/** Bytes to and from a process. With a tty all output comes as `stdout`. */
export interface ProcessStreams {
  /** Ends when the process has closed its output (or the monitor has ended). Backpressure holds the process back. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  /** Resolves when the bytes are taken; throws `conflict` / `task.stdin-closed` when nobody reads any more. */
  write(data: Uint8Array): Promise<void>;
  /** End of input: the process reads EOF. */
  closeStdin(): Promise<void>;
  /** Lets go; the process goes on. */
  close(): void;
}

export interface ExecSpec {
  readonly id: string;
  /** An OCI `process` object (config.md, "Process"). */
  readonly process: OciConfig;
  readonly tty: boolean;
  /** The first size of its terminal. */
  readonly size?: { readonly columns: number; readonly rows: number };
  readonly stdin: boolean;
  /** Nobody listens: stdio is /dev/null. */
  readonly detach: boolean;
}

export interface ExecProcess {
  /** The process as the host sees it. */
  readonly pid: number;
  readonly streams: ProcessStreams;
  readonly exited: Promise<{ readonly exitCode: number }>;
  /** Does nothing without a terminal, as containerd. */
  resize(columns: number, rows: number): Promise<void>;
  kill(signal: number): Promise<void>;
}

/** Limits that can change while a container runs, in the OCI `linux.resources` shape. */
export type OciResources = Readonly<Record<string, unknown>>;

export interface RuntimeAbilities {
  /**
   * Containers have a kernel of their own inside the runtime (gVisor): they share no namespaces, join networks only
   * before the start, and have neither the host's devices nor its settings.
   */
  readonly ownKernel: boolean;
  /** Limits can change while a container runs. */
  readonly updates: boolean;
}

export interface Runtime {
  /**
   * A `create` or an `exec` comes within 15 ms: makes the kernel ready to move a process to a cgroup, for which it
   * would make it wait 8 ms or more. Call it, without waiting, as soon as a request for one is seen. Never throws.
   */
  warmUp(): Promise<void>;
  /** Throws `invalid` / `runtime.unknown`, `precondition` / `runtime.missing` when no task can be made by it. */
  require(name: string): void;
  /** What tasks of that OCI runtime can do; never throws. */
  abilities(name: string): RuntimeAbilities;
  /**
   * Throws `invalid` / `task.command-not-found` (Docker's 127) or `task.command-not-executable` (126) when the
   * command cannot be run, `internal` / `task.create-failed` with the runtime's own words otherwise; nothing is left.
   */
  create(spec: TaskSpec, signal?: AbortSignal): Promise<{ readonly pid: number }>;
  start(id: string): Promise<void>;
  /** `signal` by number. Throws `not-found` / `task.not-running` when it has ended. */
  kill(id: string, signal: number, all?: boolean): Promise<void>;
  /** Removes a stopped task (with `force` a running one): cgroup, runtime state, sockets, exit record. */
  delete(id: string, force?: boolean): Promise<void>;
  inspect(id: string): Promise<TaskState>;
  /** Calls `listener` once for each task that ends from now on. The exit record stays until `delete`. */
  onExit(listener: (id: string, exit: TaskExit) => void): Disposable;
  /**
   * Streams of the first process; before `start` nothing is missed. Several may be attached. With `stdin: false` the
   * client only listens, and its going does not close the input of a `stdinOnce` task.
   */
  attach(id: string, options?: { readonly stdin?: boolean }): Promise<ProcessStreams>;
  /** Does nothing without a terminal, as containerd. */
  resize(id: string, columns: number, rows: number): Promise<void>;
  /** Starts writing a new log file (after the old one was renamed). */
  reopenLog(id: string): Promise<void>;
  exec(id: string, exec: ExecSpec, signal?: AbortSignal): Promise<ExecProcess>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  update(id: string, resources: OciResources): Promise<void>;
  /** Pids of all processes of the container, as the host sees them. */
  processes(id: string): Promise<readonly number[]>;
  stats(id: string): Promise<TaskStats>;
  close(): Promise<void>;
}

/** Readings of a container's cgroup, the same on v1 and v2. Counters, not rates. */
export interface TaskStats {
  readonly readAt: Date;
  readonly cpuTotalNs: bigint;
  readonly cpuUserNs: bigint;
  readonly cpuSystemNs: bigint;
  readonly throttled: {
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: bigint;
  };
  readonly memoryBytes: number;
  /** Page cache that can go at once; `docker stats` subtracts it. */
  readonly memoryInactiveFileBytes: number;
  readonly memoryLimitBytes: number | undefined;
  /** All counters of the kernel's memory.stat, by its names. */
  readonly memoryDetail: Readonly<Record<string, number>>;
  readonly pids: number;
  readonly pidsLimit: number | undefined;
  readonly blockIo: readonly BlockCounter[];
  /** What cgroup v1 alone tells. */
  readonly version1?: {
    readonly cpuPerCoreNs: readonly number[];
    readonly memoryPeakBytes: number;
    /** How often the limit was hit. */
    readonly memoryFailures: number;
    readonly blockOperations: readonly BlockCounter[];
  };
  readonly network: Readonly<Record<string, NetworkCounters>>;
}

export interface BlockCounter {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: number;
}

export interface NetworkCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}
