import type { Progress, Report } from "../base/index.ts";

/**
 * Long work as a thing of its own. An operation starts running at once, reports progress, and ends in exactly one of
 * succeeded, failed and cancelled. It is kept for a while after its end so that a client that lost its connection
 * can still read the outcome. Operations live in memory: a restarted daemon has none, and whatever they left half
 * done is mended by the concept that owns it.
 */
export interface Operation {
  readonly id: string;
  /** What it does: `stack.up`, `image.pull`. */
  readonly kind: string;
  /** What it does it to: a stack's name, an image reference. */
  readonly subject: string;
  readonly startedAt: Date;
  readonly state: OperationState;
}

export type OperationState =
  | { readonly status: "running" }
  | { readonly status: "succeeded"; readonly endedAt: Date; readonly result: unknown }
  | { readonly status: "failed"; readonly endedAt: Date; readonly error: Error }
  | { readonly status: "cancelled"; readonly endedAt: Date };

export interface OperationContext {
  /** Aborts when the operation is cancelled or the daemon stops. */
  readonly signal: AbortSignal;
  readonly report: Report;
}

export interface Operations {
  /** Starts `work`. Its failure is the operation's, and is never an unhandled rejection. */
  start(kind: string, subject: string, work: (context: OperationContext) => Promise<unknown>): Operation;
  /** Throws `not-found` / `operation.not-found`. */
  get(id: string): Operation;
  list(): Operation[];
  /** Asks the work to stop; it ends when the work has cleaned up after itself. */
  cancel(id: string): void;
  /** All progress so far, then each further report; ends with the operation. */
  watch(id: string, signal: AbortSignal): AsyncIterableIterator<Progress>;
  /** Cancels all and waits for their ends. */
  close(): Promise<void>;
}
