import type { HostMount } from "../../containers/index.ts";

/** A `RUN --mount` before it is known whether the step runs at all. */
export interface PreparedMount {
  /** Undefined when it is in the environment alone. */
  readonly target: string | undefined;
  /** What of it the step's outcome depends on. */
  readonly key: unknown;
  /** Of a cache mount that one step at a time may have. */
  readonly lock?: string;
  /** Makes what is mounted; `undo` takes it away after the step. */
  readonly open: (undo: AsyncDisposableStack) => Promise<OpenedMount>;
}

export interface OpenedMount {
  readonly mount?: HostMount;
  /** `NAME=VALUE` for the step. */
  readonly env?: readonly string[];
}

export function bind(source: string, target: string, readOnly: boolean): HostMount {
  return { type: "bind", source, target, readOnly, propagation: "rprivate", recursive: false };
}
