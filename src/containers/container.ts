import type { ImageProcess } from "../images/index.ts";
import type { Endpoint, PortMapping } from "../networks/index.ts";
import type { Change, DiffId } from "../layers/index.ts";
import type { Digest } from "../content/index.ts";
import type { TaskStats } from "../runtimes/index.ts";
import type { Changed, ChangeOptions, ChangePlan, ContainerChange } from "./recreate/request.ts";
import type { ContainerSpec, EndpointSettings, TerminalSize } from "./spec.ts";

/**
 * The life of a container: `create` (name, folder, volumes and addresses are its own, nothing runs) → `start`
 * (overlay mounted, task created, network attached, process started) → running ⇄ paused → exited (of itself, by
 * `stop` or `kill`) → `start` again or `remove`. A restart policy may bring an exited one to restarting, and from
 * there to running. `dead` is one whose removal failed half-way and can be tried again.
 */
export type ContainerState =
  | { readonly status: "created"; readonly error?: string; readonly exitCode?: number }
  | {
      readonly status: "running";
      readonly pid: number;
      readonly startedAt: Date;
      readonly paused: boolean;
      /** When it ended the last time. */
      readonly finishedAt?: Date;
    }
  | {
      readonly status: "restarting";
      readonly startedAt: Date;
      readonly finishedAt: Date;
      readonly exitCode: number;
    }
  | {
      readonly status: "exited";
      readonly startedAt: Date;
      readonly finishedAt: Date;
      readonly exitCode: number;
      readonly oomKilled: boolean;
      readonly error?: string;
    }
  | { readonly status: "removing" }
  | { readonly status: "dead"; readonly error: string };

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last five probes, oldest first. */
  readonly log: readonly {
    readonly start: Date;
    readonly end: Date;
    readonly exitCode: number;
    readonly output: string;
  }[];
}

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly imageId: Digest;
  readonly spec: ContainerSpec;
  /** The image's process with the spec's values over it. */
  readonly process: ImageProcess;
  readonly state: ContainerState;
  readonly health?: Health;
  readonly restartCount: number;
  /** Stopped by a person: `unless-stopped` does not start it when the daemon comes back. */
  readonly stoppedByUser: boolean;
  readonly mounts: readonly ResolvedMount[];
  readonly endpoints: readonly Endpoint[];
  /** Names of networks that were not there when it was made; looked up when it starts. */
  readonly missingNetworks?: readonly string[];
  /** With the host ports chosen; empty while not running. */
  readonly publishedPorts: readonly PortMapping[];
  readonly folder: string;
  readonly logPath: string | undefined;
}

export type ResolvedMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation: string;
      readonly recursive: boolean;
      readonly readOnlyBelow?: "no" | "force" | "unasked";
      /** The propagation was not asked for: where the host's mount has none, it is `rprivate`. */
      readonly fallsBack?: boolean;
      /** Its folder is made again when it is missing at a start. */
      readonly createSource?: boolean;
      readonly mode?: string;
    }
  | {
      readonly type: "volume";
      readonly name: string;
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly anonymous: boolean;
      readonly noCopy: boolean;
      readonly subpath?: string;
      readonly mode?: string;
    }
  | {
      readonly type: "image";
      /** As it was asked for. */
      readonly source: string;
      readonly imageId: Digest;
      readonly layers: readonly DiffId[];
      readonly target: string;
      readonly subpath?: string;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly options: readonly string[] };

/** What is mounted, by where it is on the host while the container is made. */
export type HostMount = Exclude<ResolvedMount, { type: "image" }>;

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nine decimals. */
  readonly time: string;
  /** With its newline, if it had one. */
  readonly data: Uint8Array;
}

export interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Lines from the end; undefined: all. */
  readonly tail?: number;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  /** Called when the files are open: from then on they are read to their end even if the container is removed. */
  readonly onOpen?: () => void;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Also what was logged before. */
  readonly logs: boolean;
}

/** A client's end of a container's or an exec's stdio. */
export interface Attachment {
  readonly tty: boolean;
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  write(data: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  close(): void;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly tty?: boolean;
  /** The first size of its terminal. */
  readonly consoleSize?: TerminalSize;
  readonly privileged?: boolean;
  readonly attachStdin?: boolean;
  readonly attachStdout?: boolean;
  readonly attachStderr?: boolean;
  readonly detachKeys?: string;
}

export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  readonly state:
    | { readonly status: "created" }
    | { readonly status: "running"; readonly pid: number }
    | { readonly status: "exited"; readonly exitCode: number; readonly pid?: number };
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface PruneContainers {
  readonly until?: Date;
  readonly keep?: (container: Container) => boolean;
}

/** Changes of a container that need no new container (`docker update`). */
export interface ContainerUpdate {
  readonly resources?: ContainerSpec["resources"];
  readonly restart?: ContainerSpec["restart"];
}

/** How a stop went. */
export interface Stopped {
  /** It did not end by the signal in time and was killed: why. */
  readonly explanation?: StopExplanation;
}

/** Why a container had to be killed, as far as its first process tells. */
export interface StopExplanation {
  readonly signal: string;
  readonly waitedSeconds: number;
  readonly reason: StopReason;
  /** One sentence for people. */
  readonly message: string;
  /** What can be changed, the best first. */
  readonly advice: readonly string[];
}

export type StopReason = "no-handler" | "ignored" | "blocked" | "shell" | "frozen" | "hangs" | "slow";

/**
 * Every method that takes `name` accepts a name (with or without a leading slash), an id or an unambiguous prefix of
 * one; throws `not-found` / `container.not-found` with Docker's text "No such container: NAME", and `conflict` /
 * `container.ambiguous`. Calls on the same container are served one after the other.
 */
export interface Containers {
  /**
   * Throws `conflict` / `container.name-in-use` (Docker's text: `Conflict. The container name "/x" is already in use
   * by container "ID". You have to remove (or rename) that container to be able to reuse that name.`), `invalid` for
   * what cannot work. Warnings are for the user's eyes.
   */
  create(
    spec: ContainerSpec,
  ): Promise<{ readonly container: Container; readonly warnings: readonly string[] }>;
  /** Throws `not-modified` / `container.already-started`; the task errors of Runtime.create. */
  start(name: string): Promise<void>;
  /**
   * SIGTERM (or the stop signal), then SIGKILL after `timeout` seconds (-1: never), and then why it came to that.
   * `not-modified` when stopped.
   */
  stop(name: string, options?: { readonly timeout?: number; readonly signal?: string }): Promise<Stopped>;
  restart(name: string, options?: { readonly timeout?: number; readonly signal?: string }): Promise<void>;
  /** Signal by name or number; default SIGKILL. `conflict` / `container.not-running`. */
  kill(name: string, signal?: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  rename(name: string, newName: string): Promise<void>;
  /** What `recreate` would do; nothing is changed. */
  planChange(name: string, change: ContainerChange, options?: ChangeOptions): Promise<ChangePlan>;
  /**
   * Changes what a running container cannot change, too (ports, environment, mounts, command, image): it is ended and
   * started again as the same container. When that fails it is as it was. Throws as `create` and `start` do.
   */
  recreate(name: string, change: ContainerChange, options?: ChangeOptions): Promise<Changed & Stopped>;
  update(name: string, change: ContainerUpdate): Promise<{ readonly warnings: readonly string[] }>;
  /** `conflict` / `container.running` while it runs, unless `force`. `volumes`: its anonymous volumes go too. */
  remove(name: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  prune(options: PruneContainers): Promise<{ readonly removed: readonly string[]; readonly freed: number }>;
  /** The containers that `prune` would remove. */
  prunable(options: PruneContainers): Container[];
  /** Registers at once (before the returned promise's first turn), so `wait` then `start` misses nothing. */
  wait(
    name: string,
    condition: WaitCondition,
    signal?: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly error?: string }>;

  get(name: string): Container;
  list(): Container[];
  /** Bytes that the container has written, and with its image. */
  size(name: string): Promise<{ readonly written: number; readonly total: number }>;

  logs(name: string, options: LogOptions, signal: AbortSignal): AsyncIterableIterator<LogLine>;
  attach(name: string, options: AttachOptions): Promise<Attachment>;
  resize(name: string, columns: number, rows: number): Promise<void>;

  createExec(name: string, request: ExecRequest): Exec;
  getExec(id: string): Exec;
  /** Throws what `startExec` would throw at once. */
  checkExec(id: string): void;
  /** Starts it; undefined streams when detached. `conflict` when already started or the container is not running. */
  startExec(
    id: string,
    options: { readonly detach: boolean; readonly tty: boolean; readonly consoleSize?: TerminalSize },
  ): Promise<Attachment | undefined>;
  resizeExec(id: string, columns: number, rows: number): Promise<void>;
  waitExec(id: string): Promise<number>;
  /** Ids of the execs that run in it. */
  runningExecs(name: string): readonly string[];

  changes(name: string): Promise<Change[]>;
  stats(name: string): Promise<TaskStats>;
  /** `ps` on the host, only the container's processes; titles and rows as Docker's `top`. */
  top(
    name: string,
    arguments_?: string,
  ): Promise<{ readonly titles: readonly string[]; readonly processes: readonly (readonly string[])[] }>;
  /** Works on running and stopped containers. `path` as seen inside it; symlinks stay inside it. */
  archive(
    name: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: ReadableStream<Uint8Array> }>;
  statPath(name: string, path: string): Promise<PathStat>;
  extract(
    name: string,
    path: string,
    tar: AsyncIterable<Uint8Array>,
    options?: { readonly noOverwriteDirNonDir?: boolean; readonly copyOwner?: boolean },
  ): Promise<void>;
  /** The whole root filesystem as a tar. */
  export(name: string, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** A new image of the container's filesystem. */
  commit(
    name: string,
    options: {
      readonly reference?: string;
      readonly comment?: string;
      readonly author?: string;
      readonly process?: ImageProcess;
      readonly pause?: boolean;
    },
  ): Promise<Digest>;
  connect(name: string, network: string, settings: EndpointSettings): Promise<void>;
  disconnect(name: string, network: string): Promise<void>;
  /** Takes a link of the default bridge away, by the container that has it and its alias: `web/db`. */
  unlink(link: string): Promise<void>;

  /** At the daemon's start: learns the true state of each container, then applies restart policies. */
  recover(): Promise<void>;
  /** At the daemon's stop: leaves running containers running. True when some are. */
  close(): Promise<{ readonly stillRunning: number }>;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode bits, as Docker sends them. */
  readonly mode: number;
  readonly modified: Date;
  readonly linkTarget: string;
}
