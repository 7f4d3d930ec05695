import { codes, RpcError } from "../rpc/status.ts";
import type { Result } from "../wire/gateway.ts";
import type { SolveRequest } from "../wire/control.ts";
import type { Session } from "../sessions/sessions.ts";
import type { BuiltResult } from "./result.ts";
import type { SolveProgress } from "./progress.ts";

/**
 * One call of Control.Solve, from its start to its end. With an empty frontend the client drives it: it builds by the
 * gateway's Solve, which names the solve in a header, and tells by Return which of the results is the one.
 */
export interface Solve {
  readonly ref: string;
  readonly request: SolveRequest;
  readonly session: Session;
  readonly progress: SolveProgress;
  /** Aborts when the call is given up, or its connection or session is gone. */
  readonly signal: AbortSignal;
  readonly createdAt: Date;
  /** What the gateway has built, by the id that was told the client. */
  readonly results: Map<string, BuiltResult>;
  /** What the client returned. */
  readonly returned: PromiseWithResolvers<Partial<Result>> | undefined;
  /** Let go of at the end. */
  readonly undo: AsyncDisposableStack;
}

/** Solves by their refs; those that have ended are known a little longer, for clients that ask for their status late. */
export interface Solves {
  add(solve: Solve): void;
  ended(ref: string): void;
  /** Waits for it, as its call may come a little later. Throws `not-found`. */
  get(ref: string, signal: AbortSignal): Promise<Solve>;
  /** A result of any running solve: targets of one bake refer to each other. */
  result(id: string): BuiltResult | undefined;
}

const patienceMs = 5000;
const remembered = 32;

export function createSolves(): Solves {
  const running = new Map<string, Solve>();
  const over = new Map<string, Solve>();
  const waiting = new Set<() => void>();
  return {
    add(solve) {
      if (running.has(solve.ref))
        throw new RpcError(codes.alreadyExists, `build ${solve.ref} is running already`);
      running.set(solve.ref, solve);
      for (const wake of waiting) wake();
    },
    ended(ref) {
      const solve = running.get(ref);
      running.delete(ref);
      if (!solve) return;
      over.set(ref, solve);
      const [oldest] = over.keys();
      if (over.size > remembered && oldest !== undefined) over.delete(oldest);
    },
    result: (id) => [...running.values()].map((one) => one.results.get(id)).find((one) => one !== undefined),
    async get(ref, signal) {
      const late = AbortSignal.timeout(patienceMs);
      for (;;) {
        const solve = running.get(ref) ?? over.get(ref);
        if (solve) return solve;
        if (late.aborted || signal.aborted) throw new RpcError(codes.notFound, `no such job ${ref}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        const wake = () => resolve();
        waiting.add(wake);
        for (const one of [late, signal]) one.addEventListener("abort", wake, { once: true });
        await promise;
        for (const one of [late, signal]) one.removeEventListener("abort", wake);
        waiting.delete(wake);
      }
    },
  };
}
