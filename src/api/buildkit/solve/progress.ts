import { createHash } from "node:crypto";
import type { Clock } from "../../../base/index.ts";
import type { StatusResponse, Vertex } from "../wire/control.ts";
import { timestampOf } from "../wire/well-known.ts";

type Part = Partial<StatusResponse>;

/** A step of a solve as the client shows it. */
export interface ProgressVertex {
  readonly digest: string;
  log(stream: "stdout" | "stderr", text: string | Uint8Array): void;
  /** A line of its own below the vertex, with what is done of it. */
  status(
    id: string,
    state: { readonly current?: number; readonly total?: number; readonly done?: boolean },
  ): void;
  complete(outcome?: { readonly cached?: boolean; readonly error?: string; readonly at?: Date }): void;
}

/** What a solve tells of itself: to whoever asks for its status, from its beginning to its end. */
export interface SolveProgress {
  vertex(start: {
    readonly name: string;
    readonly digest?: string;
    readonly inputs?: readonly string[];
    readonly at?: Date;
  }): ProgressVertex;
  /** Steps to come. */
  announce(vertexes: readonly Pick<Vertex, "digest" | "name" | "inputs">[]): void;
  send(part: Part): void;
  /** Numbers for the record of the build. */
  readonly totals: {
    readonly steps: number;
    readonly cached: number;
    readonly completed: number;
    readonly warnings: number;
  };
  close(): void;
  /** For one reader; others get what comes from then on. */
  read(signal: AbortSignal): AsyncIterable<Part>;
}

export function createProgress(clock: Clock): SolveProgress {
  const queue = new Fanout<Part>();
  const totals = { steps: 0, cached: 0, completed: 0, warnings: 0 };
  const known = new Set<string>();
  let own = 0;
  const count = (digest: string) => {
    if (known.has(digest)) return;
    known.add(digest);
    totals.steps++;
  };
  return {
    totals,
    send(part) {
      totals.warnings += part.warnings?.length ?? 0;
      queue.push(part);
    },
    announce(vertexes) {
      for (const { digest } of vertexes) count(digest);
      queue.push({ vertexes });
    },
    close: () => queue.close(),
    read: (signal) => queue.read(signal),
    vertex({ name, digest = digestOf(`${name} ${own++} ${Math.random()}`), inputs = [], at = clock.now() }) {
      const vertex = { digest, name, inputs, started: timestampOf(at) };
      const begun = new Map<string, Date>();
      count(digest);
      queue.push({ vertexes: [vertex] });
      return {
        digest,
        log(stream, text) {
          const msg = typeof text === "string" ? Buffer.from(text) : text;
          const timestamp = timestampOf(clock.now());
          queue.push({ logs: [{ vertex: digest, stream: stream === "stdout" ? 1 : 2, timestamp, msg }] });
        },
        status(id, { current = 0, total = 0, done = false }) {
          const now = clock.now();
          const first = begun.get(id) ?? now;
          begun.set(id, first);
          const times = { timestamp: timestampOf(now), started: timestampOf(first) };
          const completed = done ? { completed: timestampOf(now) } : {};
          queue.push({
            statuses: [{ id, vertex: digest, name: id, current, total, ...times, ...completed }],
          });
        },
        complete({ cached = false, error = "", at: end = clock.now() } = {}) {
          totals.completed++;
          if (cached) totals.cached++;
          queue.push({ vertexes: [{ ...vertex, cached, error, completed: timestampOf(end) }] });
        },
      };
    },
  };
}

export function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** Keeps what nobody has read yet for the first reader; every reader gets all that comes while it reads. */
class Fanout<T> {
  #early: T[] | undefined = [];
  #closed = false;
  readonly #readers = new Set<{ queue: T[]; wake: () => void }>();

  push(value: T): void {
    this.#early?.push(value);
    for (const reader of this.#readers) {
      reader.queue.push(value);
      reader.wake();
    }
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.wake();
  }

  async *read(signal: AbortSignal): AsyncIterableIterator<T> {
    const reader = { queue: this.#early ?? [], wake: () => {} };
    this.#early = undefined;
    this.#readers.add(reader);
    try {
      while (!signal.aborted) {
        const taken = reader.queue;
        reader.queue = [];
        yield* taken;
        if (reader.queue.length > 0) continue;
        if (this.#closed) return;
        const woken = Promise.withResolvers<void>();
        const wake = () => woken.resolve();
        reader.wake = wake;
        signal.addEventListener("abort", wake, { once: true });
        await woken.promise;
        signal.removeEventListener("abort", wake);
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
