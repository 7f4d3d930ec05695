import { watch } from "node:fs";
import { fail, type Clock } from "../../base/index.ts";
import type { LogLine, LogOptions } from "../container.ts";
import type { Engine } from "../engine.ts";
import { findTail, inodeOf, openLogFile, openLogFiles, type LogFile } from "./files.ts";
import { LineCutter, parsePiece, timeNs, utcTime, type LogPiece } from "./format.ts";
import { logLimits } from "./rotation.ts";
import type { Entry } from "../registry.ts";

/** A line longer than this comes in several pieces. */
const longestLine = 1024 * 1024;
const block = 64 * 1024;
/** A look at the file without having been told, in case the kernel's notice was missed. */
const pollMs = 1000;

/**
 * The lines of a container's log, oldest first, over all rotated files. `follow` goes on until the run that is under
 * way has ended and all of it was read; for a container that does not run it changes nothing.
 */
export async function* readLogs(
  engine: Engine,
  entry: Entry,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const { id, spec, logPath, state } = entry.record.container;
  if (logPath === undefined) {
    throw fail("unimplemented", "log.not-readable", "configured logging driver does not support reading", {
      hint: "the container was made with log driver none",
    });
  }
  const wanted = (stream: "stdout" | "stderr") => options[stream];
  await using stack = new AsyncDisposableStack();
  const stop = new AbortController();
  stack.defer(() => stop.abort(new Error("the reader has gone")));
  const follow = options.follow && state.status === "running";
  // Before the first read: an end in between is not missed.
  const news = follow ? watchLog(engine, entry, options, AbortSignal.any([signal, stop.signal])) : undefined;
  const files = await openLogFiles(logPath, logLimits(spec).maxFiles, stack);
  options.onOpen?.();
  const start =
    options.tail === undefined ? { index: 0, offset: 0 } : await findTail(files, options.tail, wanted);
  const joiner = new LineJoiner(wanted, options);
  let current: LogFile | undefined;
  for (const [index, file] of files.entries()) {
    if (index < start.index || signal.aborted) continue;
    current = file;
    const older = index < files.length - 1;
    if (older && options.sinceNs !== undefined && file.modifiedNs < options.sinceNs) continue;
    const offset = index === start.index ? start.offset : 0;
    // Who does not follow gets what was there, however fast the container writes.
    const reader = new FileReader(file, offset, news ? Infinity : file.size);
    yield* reader.lines(joiner, signal);
    if (!older && news) yield* followFrom(reader, logPath, joiner, news, stack, signal);
  }
  if (!current && news) yield* followFrom(undefined, logPath, joiner, news, stack, signal);
  if (!signal.aborted) yield* joiner.flush();
  engine.logger.debug("a log was read", { container: id });
}

async function* followFrom(
  first: FileReader | undefined,
  path: string,
  joiner: LineJoiner,
  news: LogNews,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  let reader = first;
  while (!signal.aborted && !joiner.past) {
    const over = news.over();
    news.seen();
    const inode = await inodeOf(path);
    if (reader) yield* reader.lines(joiner, signal);
    if (inode !== undefined && inode !== reader?.file.inode) {
      // conmon opened the new file after its last write to the old one, which has been read to its end by now.
      const file = await openLogFile(path);
      if (!file) continue;
      stack.defer(() => file.handle.close());
      reader = new FileReader(file, 0, Infinity);
      continue;
    }
    if (over) return;
    await news.next();
  }
}

class FileReader {
  readonly file: LogFile;
  #position: number;
  readonly #end: number;
  readonly #cutter = new LineCutter();

  constructor(file: LogFile, offset: number, end: number) {
    this.file = file;
    this.#position = offset;
    this.#end = end;
  }

  /** What is there now, from where the last call ended. */
  async *lines(joiner: LineJoiner, signal: AbortSignal): AsyncGenerator<LogLine, void, undefined> {
    while (!signal.aborted && !joiner.past) {
      const size = Math.min(block, this.#end - this.#position);
      if (size <= 0) return;
      const buffer = Buffer.allocUnsafe(size);
      const { bytesRead } = await this.file.handle.read(buffer, 0, size, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      for (const line of this.#cutter.push(buffer.subarray(0, bytesRead))) {
        const piece = parsePiece(line);
        const whole = piece && joiner.push(piece);
        if (whole) yield whole;
        if (joiner.past || signal.aborted) return;
      }
    }
  }
}

/** Puts the pieces of each stream's lines together, and keeps to `since` and `until`. */
class LineJoiner {
  /** A line later than `until` was seen: nothing more is wanted. */
  past = false;
  readonly #parts = { stdout: new Unfinished(), stderr: new Unfinished() };
  readonly #wanted: (stream: "stdout" | "stderr") => boolean;
  readonly #options: LogOptions;

  constructor(wanted: (stream: "stdout" | "stderr") => boolean, options: LogOptions) {
    this.#wanted = wanted;
    this.#options = options;
  }

  push(piece: LogPiece): LogLine | undefined {
    if (!this.#wanted(piece.stream)) return undefined;
    const unfinished = this.#parts[piece.stream];
    unfinished.add(piece);
    if (piece.partial && unfinished.size < longestLine) return undefined;
    return this.#take(piece.stream, !piece.partial);
  }

  /** Output that never got its newline. */
  *flush(): Generator<LogLine> {
    for (const stream of ["stdout", "stderr"] as const) {
      const line = this.#take(stream, false);
      if (line) yield line;
    }
  }

  #take(stream: "stdout" | "stderr", ended: boolean): LogLine | undefined {
    const { time, data } = this.#parts[stream].take(ended);
    if (time === undefined) return undefined;
    const { sinceNs, untilNs } = this.#options;
    if (sinceNs !== undefined || untilNs !== undefined) {
      const ns = timeNs(time) ?? 0n;
      if (sinceNs !== undefined && ns < sinceNs) return undefined;
      if (untilNs !== undefined && ns > untilNs) {
        this.past = true;
        return undefined;
      }
    }
    return { stream, time: utcTime(time), data };
  }
}

class Unfinished {
  size = 0;
  #time: string | undefined;
  #parts: Uint8Array[] = [];

  add(piece: LogPiece): void {
    this.#time ??= piece.time;
    this.#parts.push(piece.data);
    this.size += piece.data.length;
  }

  take(ended: boolean): { time: string | undefined; data: Uint8Array } {
    const data = Buffer.concat(ended ? [...this.#parts, Buffer.of(0x0a)] : this.#parts);
    const time = this.#time;
    this.size = 0;
    this.#time = undefined;
    this.#parts = [];
    return { time, data };
  }
}

/** Tells a follower that there may be more to read. */
interface LogNews {
  /** The run has ended, or `until` has passed: what is in the file now is all. */
  over(): boolean;
  /** Forgets the news so far: call before reading. */
  seen(): void;
  /** Resolves when something happened since `seen`. */
  next(): Promise<void>;
}

function watchLog(engine: Engine, entry: Entry, options: LogOptions, signal: AbortSignal): LogNews {
  let fresh = false;
  let ended = false;
  let wake = () => {};
  const tell = () => {
    fresh = true;
    wake();
  };
  const end = () => {
    ended = true;
    tell();
  };
  signal.addEventListener("abort", end, { once: true });
  engine.waits.add(entry.record.container.id, "next-exit", signal).then(end, end);
  if (options.untilNs !== undefined) {
    const ms = Number(options.untilNs / 1_000_000n) - engine.clock.now().getTime();
    engine.clock.sleep(Math.max(0, ms), signal).then(end, () => {});
  }
  watchFolder(entry.record.container.folder, tell, signal);
  void pollUntil(engine.clock, tell, signal);
  return {
    over: () => ended,
    seen: () => void (fresh = false),
    next: async () => {
      if (!fresh && !ended) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** inotify(7) on the folder, because the file itself is replaced. The poll is there when the kernel has no watch left. */
function watchFolder(folder: string, tell: () => void, signal: AbortSignal): void {
  try {
    const watcher = watch(folder, { persistent: false }, tell);
    watcher.on("error", () => watcher.close());
    signal.addEventListener("abort", () => watcher.close(), { once: true });
  } catch {
    return;
  }
}

async function pollUntil(clock: Clock, tell: () => void, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(pollMs, signal);
      tell();
    }
  } catch {
    return;
  }
}
