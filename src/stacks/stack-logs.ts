import type { Container, Containers, LogLine, LogOptions } from "../containers/index.ts";
import type { Events } from "../events/index.ts";
import { containersOf } from "./current.ts";
import { createMerger } from "./merge-streams.ts";
import { isOneOff, stackLabels } from "./labels.ts";
import type { StackLogLine } from "./stack.ts";

export interface LogDependencies {
  readonly containers: Pick<Containers, "list" | "get" | "logs">;
  readonly events: Pick<Events, "subscribe">;
}

export interface StackLogOptions {
  /** Empty: all. */
  readonly services: readonly string[];
  readonly follow: boolean;
  readonly tail?: number;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
}

/** Where a container's log was read up to: lines may share one timestamp, so their number counts too. */
interface Mark {
  time: string;
  lines: number;
}

/**
 * What the containers of a stack wrote, in the order of time; with `follow` then every new line as it comes, those of
 * containers made or started later included, until `signal` aborts.
 */
export async function* stackLogs(
  dependencies: LogDependencies,
  project: string,
  options: StackLogOptions,
  signal: AbortSignal,
): AsyncIterableIterator<StackLogLine> {
  const isWanted = (labels: Readonly<Record<string, string>>) =>
    options.services.length === 0 || options.services.includes(labels[stackLabels.service] ?? "");
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  try {
    const starts = options.follow ? startsOf(dependencies, project, isWanted, both) : undefined;
    const marks = new Map<string, Mark>();
    const present = containersOf(dependencies.containers, project).filter((one) =>
      isWanted(one.spec.labels ?? {}),
    );
    yield* history(dependencies, present, options, marks, both);
    if (!starts || both.aborted) return;
    const merged = createMerger<StackLogLine>(both);
    const followed = new Set<string>();
    const follow = (container: Container) => {
      if (followed.has(container.id)) return;
      followed.add(container.id);
      const lines = newLines(dependencies, container, options, marks, both);
      merged.add(lines, () => {
        followed.delete(container.id);
        // It may have been started again before the end of its log was noticed.
        const now = find(container.id);
        if (now && startOf(now) !== undefined && startOf(now) !== startOf(container)) follow(now);
      });
    };
    const all = () =>
      containersOf(dependencies.containers, project).filter((one) => isWanted(one.spec.labels ?? {}));
    const find = (id: string) => all().find((one) => one.id === id);
    merged.watch(starts, (id) => {
      const container = find(id);
      if (container) follow(container);
    });
    // Not only those of the history: one may have come while that was read.
    for (const container of all()) follow(container);
    yield* merged.items();
  } finally {
    stop.abort();
  }
}

function startOf({ state }: Container): number | undefined {
  return state.status === "running" ? state.startedAt.getTime() : undefined;
}

/** Ids of the stack's containers as they are started, from now on. */
async function* startsOf(
  { events }: LogDependencies,
  project: string,
  isWanted: (labels: Readonly<Record<string, string>>) => boolean,
  signal: AbortSignal,
): AsyncIterableIterator<string> {
  const accept = ({
    type,
    action,
    attributes,
  }: {
    type: string;
    action: string;
    attributes: Readonly<Record<string, string>>;
  }) =>
    type === "container" &&
    action === "start" &&
    attributes[stackLabels.project] === project &&
    !isOneOff(attributes) &&
    isWanted(attributes);
  for await (const event of events.subscribe({ accept }, signal)) yield event.id;
}

/** The lines there are, merged by time without holding them all. */
async function* history(
  { containers }: LogDependencies,
  present: readonly Container[],
  options: StackLogOptions,
  marks: Map<string, Mark>,
  signal: AbortSignal,
): AsyncIterableIterator<StackLogLine> {
  const heads = await Promise.all(
    present.map(async (container) => {
      const lines = containers.logs(container.id, logOptions(options, false), signal);
      return { container, lines, next: await lines.next() };
    }),
  );
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (!head.next.done && (!first || head.next.value.time < (first.next.value as LogLine).time))
        first = head;
    }
    if (!first || signal.aborted) return;
    const line = first.next.value as LogLine;
    advance(marks, first.container.id, line);
    yield stackLine(first.container, line);
    first.next = await first.lines.next();
  }
}

async function* newLines(
  { containers }: LogDependencies,
  container: Container,
  options: StackLogOptions,
  marks: Map<string, Mark>,
  signal: AbortSignal,
): AsyncIterableIterator<StackLogLine> {
  const mark = marks.get(container.id);
  const start = mark ? { ...mark } : undefined;
  let skipped = 0;
  // One nanosecond earlier, so that it does not matter whether "since" includes its own time.
  const since = start ? { sinceNs: timeNs(start.time) - 1n } : {};
  const { tail: _tail, ...rest } = logOptions(options, true);
  for await (const line of containers.logs(container.id, { ...rest, ...since }, signal)) {
    if (start && line.time < start.time) continue;
    if (start && line.time === start.time && skipped++ < start.lines) continue;
    advance(marks, container.id, line);
    yield stackLine(container, line);
  }
}

function advance(marks: Map<string, Mark>, id: string, line: LogLine): void {
  const mark = marks.get(id);
  if (mark?.time === line.time) mark.lines++;
  else marks.set(id, { time: line.time, lines: 1 });
}

function logOptions(options: StackLogOptions, follow: boolean): LogOptions {
  return {
    stdout: true,
    stderr: true,
    follow,
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(options.sinceNs === undefined ? {} : { sinceNs: options.sinceNs }),
    ...(options.untilNs === undefined ? {} : { untilNs: options.untilNs }),
  };
}

function stackLine(container: Container, line: LogLine): StackLogLine {
  return {
    service: container.spec.labels?.[stackLabels.service] ?? "",
    container: container.name,
    stream: line.stream,
    time: line.time,
    text: new TextDecoder().decode(line.data).replace(/\r?\n$/, ""),
  };
}

/** Nanoseconds since the epoch of an RFC 3339 time with up to nine decimals. */
function timeNs(time: string): bigint {
  const [, whole = "", fraction = "", zone = "Z"] =
    /^([^.Z+]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(time) ?? [];
  return (
    BigInt(Date.parse(`${whole}${zone}`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9) || "0")
  );
}
