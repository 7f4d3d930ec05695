import { fail, newId, toVirgaError, type Clock, type Progress } from "../base/index.ts";
import type { Operation, Operations, OperationState } from "./operation.ts";

interface Entry {
  operation: Operation;
  readonly reports: Progress[];
  readonly controller: AbortController;
  readonly waiters: Set<() => void>;
  ended: Promise<void>;
}

/** So many ended operations are kept. */
const keptEnded = 100;
/** So many reports of one operation are kept for clients that come late. */
const keptReports = 2000;

export function createOperations(clock: Clock): Operations {
  const entries = new Map<string, Entry>();
  const need = (id: string) => {
    const entry = entries.get(id);
    if (!entry) throw fail("not-found", "operation.not-found", `no such operation: ${id}`);
    return entry;
  };
  return {
    start(kind, subject, work) {
      const operation: Operation = {
        id: newId(),
        kind,
        subject,
        startedAt: clock.now(),
        state: { status: "running" },
      };
      const entry: Entry = {
        operation,
        reports: [],
        controller: new AbortController(),
        waiters: new Set(),
        ended: Promise.resolve(),
      };
      entries.set(operation.id, entry);
      forgetOldest(entries);
      const report = (progress: Progress) => {
        entry.reports.push(progress);
        if (entry.reports.length > keptReports) entry.reports.splice(0, keptReports / 2);
        wakeAll(entry);
      };
      const settle = (state: OperationState) => {
        entry.operation = { ...entry.operation, state };
        wakeAll(entry);
      };
      entry.ended = Promise.resolve()
        .then(() => work({ signal: entry.controller.signal, report }))
        .then(
          (result) => settle({ status: "succeeded", endedAt: clock.now(), result }),
          (error: unknown) => settle(failureOf(error, entry.controller.signal, clock.now())),
        );
      return operation;
    },
    get: (id) => need(id).operation,
    list: () => [...entries.values()].map((entry) => entry.operation),
    cancel: (id) =>
      need(id).controller.abort(fail("cancelled", "operation.cancelled", "The operation was cancelled")),
    watch: (id, signal) => watch(need(id), signal),
    async close() {
      for (const entry of entries.values()) {
        entry.controller.abort(fail("cancelled", "daemon.stopping", "The daemon is stopping"));
      }
      await Promise.all([...entries.values()].map((entry) => entry.ended));
    },
  };
}

function failureOf(error: unknown, signal: AbortSignal, endedAt: Date): OperationState {
  if (signal.aborted && (error === signal.reason || toVirgaError(error).kind === "cancelled")) {
    return { status: "cancelled", endedAt };
  }
  return { status: "failed", endedAt, error: error instanceof Error ? error : new Error(String(error)) };
}

function wakeAll(entry: Entry): void {
  for (const wake of entry.waiters) wake();
}

function forgetOldest(entries: Map<string, Entry>): void {
  const ended = [...entries.values()].filter((entry) => entry.operation.state.status !== "running");
  for (const entry of ended.slice(0, Math.max(0, ended.length - keptEnded)))
    entries.delete(entry.operation.id);
}

async function* watch(entry: Entry, signal: AbortSignal): AsyncIterableIterator<Progress> {
  const seen = new WeakSet<Progress>();
  let wake = () => {};
  const waiter = () => wake();
  entry.waiters.add(waiter);
  signal.addEventListener("abort", waiter);
  try {
    for (;;) {
      const fresh = entry.reports.filter((report) => !seen.has(report));
      for (const report of fresh) {
        seen.add(report);
        yield report;
      }
      if (signal.aborted) return;
      if (fresh.length > 0) continue;
      if (entry.operation.state.status !== "running") return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    entry.waiters.delete(waiter);
    signal.removeEventListener("abort", waiter);
  }
}
