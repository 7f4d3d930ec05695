import { fail, type Clock } from "../base/index.ts";
import { OutputQueue } from "./output-queue.ts";
import type { ProcessStreams } from "./runtime.ts";

/** How long nothing must come after the process has ended until its output is taken to be over. Milliseconds. */
const quiet = 50;

/**
 * Streams over pipes. What waits when the reader is slow is bounded by `OutputQueue`; reading stops meanwhile. Output
 * ends with the process, not with the pipes, which a child that lives on in the background may keep open.
 */
export function pipeStreams(child: Bun.Subprocess, clock: Clock): ProcessStreams {
  let received = 0;
  let resume = Promise.withResolvers<void>();
  resume.resolve();
  const queue = new OutputQueue((on) => {
    if (on) resume.resolve();
    else resume = Promise.withResolvers<void>();
  });
  const cancels: (() => Promise<void>)[] = [];
  const pump = async (stream: "stdout" | "stderr") => {
    const source = child[stream];
    if (!(source instanceof ReadableStream)) return;
    const reader = source.getReader();
    cancels.push(() => reader.cancel());
    for (;;) {
      await resume.promise;
      const { value, done } = await reader.read();
      if (done) return;
      received++;
      queue.push({ stream, data: value });
    }
  };
  const finished = Promise.allSettled([pump("stdout"), pump("stderr")]).then(() => queue.end());
  const cancel = () => cancels.forEach((one) => void one().catch(() => {}));
  void child.exited.then(async () => {
    for (let before = -1; before !== received || queue.held;) {
      before = received;
      await Promise.race([finished, clock.sleep(quiet)]);
    }
    cancel();
  });
  return {
    output: queue,
    ...pipeInput(child),
    close() {
      queue.discard();
      cancel();
    },
  };
}

function pipeInput(child: Bun.Subprocess): Pick<ProcessStreams, "write" | "closeStdin"> {
  const sink = child.stdin;
  if (sink === null || sink === undefined || typeof sink === "number") {
    return { write: () => Promise.reject(stdinClosed()), closeStdin: () => Promise.resolve() };
  }
  let [last, closed] = [Promise.resolve(), false];
  let abandon = () => {};
  void child.exited.then(() => abandon());
  // One listener for all writes: one a write would hold every piece of input until the process ends.
  const untilTaken = (flushed: number | Promise<number>) =>
    new Promise<void>((resolve, reject) => {
      abandon = () => reject(stdinClosed());
      if (child.exitCode !== null || child.signalCode !== null) abandon();
      void Promise.resolve(flushed).then(() => resolve(), reject);
    });
  const inOrder = (work: () => Promise<void>) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  return {
    write: (data) =>
      inOrder(async () => {
        if (closed) throw stdinClosed();
        try {
          void sink.write(data);
          await untilTaken(sink.flush());
        } catch (error) {
          closed = true;
          throw stdinClosed(error);
        }
      }),
    closeStdin: () =>
      inOrder(async () => {
        if (closed) return;
        closed = true;
        await Promise.resolve(sink.end()).catch(() => {});
      }),
  };
}

export interface PtyProcess {
  readonly streams: ProcessStreams;
  readonly options: Bun.TerminalOptions;
  /** `rest` gives what is still to come once the process has ended. */
  connect(child: Bun.Subprocess, rest: () => Uint8Array): void;
  resize(columns: number, rows: number): void;
}

/**
 * Streams over a pseudo-terminal. Bun's terminal can't be told to stop reading, so when the reader is slow the OCI
 * runtime, which copies between this terminal and the container's, is stopped instead (SIGSTOP), and the process
 * blocks on the container's.
 */
export function ptyStreams(clock: Clock): PtyProcess {
  let child: Bun.Subprocess | undefined;
  let drained = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    if (child?.exitCode === null && child.signalCode === null) child.kill(name);
  };
  const queue = new OutputQueue((on) => signal(on ? "SIGCONT" : "SIGSTOP"));
  const options: Bun.TerminalOptions = {
    data: (_terminal, data) => queue.push({ stream: "stdout", data }),
    drain: () => drained.resolve(),
    exit: () => over.resolve(),
  };
  let last = Promise.resolve();
  const write = async (data: Uint8Array) => {
    const terminal = child?.terminal;
    if (!terminal || terminal.closed || child?.exitCode !== null) throw stdinClosed();
    drained = Promise.withResolvers<void>();
    terminal.write(data);
    await Promise.race([drained.promise, over.promise]);
  };
  return {
    options,
    connect(process, rest) {
      child = process;
      void process.exited.then(async () => {
        // At once: the file that it is read from goes with the process.
        const data = rest();
        await Promise.race([over.promise, clock.sleep(quiet)]);
        process.terminal?.close();
        over.resolve();
        if (data.length > 0) queue.push({ stream: "stdout", data });
        queue.end();
      });
    },
    resize: (columns, rows) => {
      if (child?.terminal && !child.terminal.closed) child.terminal.resize(columns, rows);
    },
    streams: {
      output: queue,
      write(data) {
        const done = last.then(() => (data.length === 0 ? undefined : write(data)));
        last = done.catch(() => {});
        return done;
      },
      // A terminal has no half-close: its end of input is a character (Ctrl-D) that the client sends.
      closeStdin: () => Promise.resolve(),
      close: () => queue.discard(),
    },
  };
}

function stdinClosed(cause?: unknown): Error {
  return fail("conflict", "task.stdin-closed", "nobody reads the process's input any more", { cause });
}
