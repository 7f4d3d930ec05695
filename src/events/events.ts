import { silentLogger, type Clock, type Logger } from "../base/index.ts";
import type { Migration, State } from "../state/index.ts";
import type { EventFilter, Events, EventType, VirgaEvent } from "./event.ts";

export const eventMigrations: readonly Migration[] = [
  {
    id: "events/001",
    sql: `CREATE TABLE events (
      sequence INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
      detail TEXT, id TEXT NOT NULL, attributes TEXT NOT NULL) STRICT`,
  },
];

/** So many events are kept; older ones go when the log has grown to twice that. */
const kept = 5000;

interface Row {
  sequence: bigint;
  time_ns: bigint;
  type: string;
  action: string;
  detail: string | null;
  id: string;
  attributes: string;
}

export function createEvents(state: State, clock: Clock, logger: Logger = silentLogger): Events {
  const insert = state.db.query("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)");
  const last =
    state.db.query<{ n: number | null }, []>("SELECT max(sequence) AS n FROM events").get()?.n ?? 0;
  const listeners = new Set<(event: VirgaEvent) => void>();
  let sequence = last;
  let previousNs = 0n;

  const timestamp = () => {
    const now = BigInt(clock.now().getTime()) * 1_000_000n;
    previousNs = now > previousNs ? now : previousNs + 1n;
    return previousNs;
  };

  const store = (event: VirgaEvent) => {
    const { sequence: number, timeNs, type, action, detail = null, id, attributes } = event;
    try {
      insert.run(number, timeNs, type, action, detail, id, JSON.stringify(attributes));
      if (number % kept === 0) state.db.run("DELETE FROM events WHERE sequence <= ?", [number - kept]);
    } catch (error) {
      // What the event tells has happened, and must not be undone because the disk is full.
      logger.error("an event could not be logged", { type, action, id, error });
    }
  };

  return {
    emit(type, action, id, attributes = {}, detail) {
      const event = { sequence: ++sequence, type, action, id, attributes, timeNs: timestamp() };
      const full: VirgaEvent = detail === undefined ? event : { ...event, detail };
      store(full);
      for (const listener of listeners) listener(full);
    },
    subscribe: (filter, signal) => subscribe(state, clock, listeners, filter, signal),
  };
}

async function* subscribe(
  state: State,
  clock: Clock,
  listeners: Set<(event: VirgaEvent) => void>,
  filter: EventFilter,
  signal: AbortSignal,
): AsyncIterableIterator<VirgaEvent> {
  const until = filter.untilNs ?? null;
  const accepts = (event: VirgaEvent) =>
    (until === null || event.timeNs <= until) && (filter.accept?.(event) ?? true);
  const waiting: VirgaEvent[] = [];
  let wake = () => {};
  const listener = (event: VirgaEvent) => {
    if (accepts(event)) waiting.push(event);
    wake();
  };
  const onAbort = () => wake();
  listeners.add(listener);
  signal.addEventListener("abort", onAbort);
  const deadline = until === null ? undefined : endAt(clock, until, () => wake());
  try {
    if (filter.sinceNs !== undefined) waiting.unshift(...logged(state, filter.sinceNs).filter(accepts));
    for (;;) {
      while (waiting.length > 0 && !signal.aborted) yield waiting.shift()!;
      if (signal.aborted || deadline?.passed()) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    listeners.delete(listener);
    signal.removeEventListener("abort", onAbort);
    deadline?.stop();
  }
}

function endAt(clock: Clock, untilNs: bigint, onEnd: () => void) {
  const stop = new AbortController();
  const left = () => Number(untilNs / 1_000_000n) - clock.now().getTime();
  if (left() > 0) clock.sleep(left() + 1, stop.signal).then(onEnd, () => {});
  return { passed: () => left() <= 0, stop: () => stop.abort() };
}

function logged(state: State, sinceNs: bigint): VirgaEvent[] {
  const statement = state.db.prepare("SELECT * FROM events WHERE time_ns > ? ORDER BY sequence");
  statement.safeIntegers(true);
  return (statement.all(sinceNs) as Row[]).map((row) => ({
    sequence: Number(row.sequence),
    type: row.type as EventType,
    action: row.action as VirgaEvent["action"],
    ...(row.detail === null ? {} : { detail: row.detail }),
    id: row.id,
    attributes: JSON.parse(row.attributes) as Record<string, string>,
    timeNs: row.time_ns,
  }));
}
