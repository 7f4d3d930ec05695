/** What can happen to what. Docker's names where Docker has one (GET /events). */
export interface EventActions {
  container:
    | "create" | "start" | "restart" | "stop" | "kill" | "die" | "oom" | "destroy" | "pause" | "unpause" | "rename"
    | "attach" | "detach" | "exec_create" | "exec_start" | "exec_detach" | "exec_die" | "health_status" | "resize" | "update" | "copy"
    | "archive-path" | "extract-to-dir" | "export" | "commit" | "top" | "prune";
  image: "pull" | "push" | "import" | "load" | "save" | "tag" | "untag" | "delete" | "create" | "prune";
  network: "create" | "connect" | "disconnect" | "destroy" | "prune";
  volume: "create" | "mount" | "unmount" | "destroy" | "prune";
  builder: "prune";
  stack: "up" | "down";
  daemon: "start" | "stop" | "reload";
  content: "damage";
} // prettier-ignore

export type EventType = keyof EventActions;

/** Something that has happened. `attributes` are Docker's actor attributes (image, name, exitCode, labels, …). */
export interface VirgaEvent<T extends EventType = EventType> {
  /** Grows by one with each event of this daemon's root. */
  readonly sequence: number;
  readonly type: T;
  readonly action: EventActions[T];
  /** Detail that Docker appends to the action after a colon: `health_status: healthy`, `exec_create: sh`. */
  readonly detail?: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since the epoch, strictly growing. */
  readonly timeNs: bigint;
}

export interface EventFilter {
  /** Only events after this time (exclusive), from the log; without it only what comes from now on. */
  readonly sinceNs?: bigint;
  /** Ends the subscription when this time has passed. */
  readonly untilNs?: bigint;
  readonly accept?: (event: VirgaEvent) => boolean;
}

/** The daemon's event log. Events announce what happened; they do not steer control flow. */
export interface Events {
  /** Never throws: what the log cannot take (a full disk) is told to the subscribers all the same. */
  emit<T extends EventType>(
    type: T,
    action: EventActions[T],
    id: string,
    attributes?: Readonly<Record<string, string>>,
    detail?: string,
  ): void;
  /** Logged events that match, then new ones as they come; ends when `signal` aborts or `untilNs` has passed. */
  subscribe(filter: EventFilter, signal: AbortSignal): AsyncIterableIterator<VirgaEvent>;
}
