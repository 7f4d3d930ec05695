import { fail } from "../base/index.ts";
import type { ProcessStreams } from "../runtimes/index.ts";
import type { AttachOptions, Attachment, LogLine } from "./container.ts";
import { emit, type Engine } from "./engine.ts";
import { readLogs } from "./logs/logs.ts";
import type { Dock, Entry } from "./registry.ts";

/**
 * A client's end of the first process's stdio. Of a container that does not run it waits for the next start and then
 * misses nothing; it ends with that run. The caller holds the container's lock.
 */
export async function attachContainer(
  engine: Engine,
  entry: Entry,
  options: AttachOptions,
): Promise<Attachment> {
  const { id, spec, state } = entry.record.container;
  if (state.status === "removing" || state.status === "dead") {
    throw fail("conflict", "container.removing", `cannot attach to container ${id}: it is being removed`);
  }
  if (state.status === "running" && state.paused) {
    throw fail(
      "conflict",
      "container.paused",
      `container ${id} is paused, unpause the container before attach`,
    );
  }
  const bound = Promise.withResolvers<ProcessStreams | undefined>();
  const stdin = options.stdin && (spec.openStdin ?? false);
  const dock: Dock = { bind: bound.resolve, stdin };
  if (state.status === "running") dock.bind(await engine.runtime.attach(id, { stdin }));
  else entry.docked.add(dock);
  emit(engine, entry, "attach");
  const close = () => {
    entry.docked.delete(dock);
    dock.bind(undefined);
    void bound.promise.then((streams) => streams?.close());
  };
  const replay = options.logs && spec.log?.driver !== "none" ? replayLogs(engine, entry, options) : undefined;
  const listens = options.stdout || options.stderr;
  const heard = Promise.withResolvers<void>();
  if (listens) entry.audience.add(heard.promise);
  void heard.promise.then(() => entry.audience.delete(heard.promise));
  return {
    tty: spec.tty ?? false,
    output: thenTell(output(bound.promise, options, replay), heard.resolve),
    async write(data) {
      if (!stdin) throw stdinClosed(id);
      const streams = await bound.promise;
      if (!streams) throw stdinClosed(id);
      await streams.write(data);
    },
    async closeStdin() {
      if (stdin) await (await bound.promise)?.closeStdin();
    },
    close() {
      heard.resolve();
      close();
    },
  };
}

async function* thenTell<T>(source: AsyncIterable<T>, ended: () => void): AsyncGenerator<T> {
  try {
    yield* source;
  } finally {
    ended();
  }
}

function stdinClosed(id: string): Error {
  return fail("conflict", "container.stdin-closed", `the stdin of container ${id} is not open`, {
    hint: "create it with an open stdin (-i)",
  });
}

async function* output(
  bound: Promise<ProcessStreams | undefined>,
  options: AttachOptions,
  replay: AsyncIterable<LogLine> | undefined,
): AsyncGenerator<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }> {
  if (replay) for await (const { stream, data } of replay) yield { stream, data };
  // A client that only writes is told of the end by the end of the output, and what nobody reads must not hold the process.
  if (!options.stdout && !options.stderr && !options.stdin) return;
  const streams = await bound;
  if (!streams) return;
  for await (const chunk of streams.output) if (options[chunk.stream]) yield chunk;
}

function replayLogs(engine: Engine, entry: Entry, options: AttachOptions): AsyncIterable<LogLine> {
  const { stdout, stderr } = options;
  return readLogs(engine, entry, { stdout, stderr, follow: false }, engine.background.signal);
}
