import { closeSync, openSync } from "node:fs";
import { errnoOf, fail, type Clock } from "../base/index.ts";
import { connectSeqPacket, hasUnaccepted } from "../host/index.ts";
import { socketOfFd } from "./fd-socket.ts";
import { OutputQueue } from "./output-queue.ts";
import type { ProcessStreams } from "./runtime.ts";

/** conmon reads at most 32 KiB of a packet and drops the rest. */
const packetBytes = 32 * 1024;
/** conmon lets ten clients wait for it to accept them; so long until the next try, and until nobody believes in it. */
const [queuedMs, longestMs] = [5, 10_000];
/** So long for conmon to accept a client, in steps of a millisecond. */
const acceptMs = 100;
/** First byte of a packet from conmon (conmon's utils.h, STDOUT_PIPE and STDERR_PIPE). */
const streamOf: Readonly<Record<number, "stdout" | "stderr">> = { 2: "stdout", 3: "stderr" };

export interface AttachedStreams extends ProcessStreams {
  /** Output waits here because nobody reads it, and conmon waits with it. */
  readonly held: boolean;
  /** Lets conmon go on although nobody reads: for a process that has ended. */
  unlimit(): void;
  /** Ends the connection, `keepAfterClose` or not. */
  terminate(): void;
}

export interface ConnectOptions {
  readonly clock: Clock;
  /**
   * Ending this connection ends the process's stdin, and it must not: the connection is kept after `close`, its
   * output read and dropped, until the process ends.
   */
  readonly keepAfterClose: boolean;
  readonly onClose: (streams: AttachedStreams) => void;
}

/** Connects to the attach socket in a bundle. Undefined when nobody listens there: the process has ended. */
export async function connectAttach(
  bundle: string,
  options: ConnectOptions,
): Promise<AttachedStreams | undefined> {
  for (let waited = 0; ; waited += queuedMs) {
    const fd = connectTo(bundle);
    if (fd === undefined) return undefined;
    if (fd !== "busy") {
      const streams = await new AttachSocket(options).open(fd);
      await accepted(options.clock);
      return streams;
    }
    if (waited >= longestMs) throw fail("unavailable", "task.attach-busy", "too many clients attach at once");
    await options.clock.sleep(queuedMs);
  }
}

/** What the process writes from now on reaches the client: conmon sends it to those that it has accepted. */
async function accepted(clock: Clock): Promise<void> {
  for (let waited = 0; waited < acceptMs && hasUnaccepted("/attach"); waited++) await clock.sleep(1);
}

/** The socket's path may be longer than a socket address allows, so it is named by way of its folder. */
function connectTo(bundle: string): number | "busy" | undefined {
  let folder: number | undefined;
  try {
    folder = openSync(bundle, "r");
    return connectSeqPacket(`/proc/self/fd/${folder}/attach`);
  } catch (error) {
    if (errnoOf(error) === "EAGAIN") return "busy";
    if (["ENOENT", "ECONNREFUSED"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}

class AttachSocket implements AttachedStreams {
  readonly #options: ConnectOptions;
  readonly #queue = new OutputQueue((on) => (on ? this.#socket?.resume() : this.#socket?.pause()));
  #socket: Bun.Socket | undefined;
  #state: "open" | "stdin-closed" | "kept" | "closed" = "open";
  /** Writes are served one after the other. */
  #writing: Promise<void> = Promise.resolve();
  #room: (() => void) | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  async open(fd: number): Promise<this> {
    this.#socket = await socketOfFd(fd, {
      data: (_socket, packet) => this.#receive(packet),
      drain: () => this.#wakeWriter(),
      error: () => this.#over(),
      end: () => this.#over(),
      close: () => this.#over(),
    });
    return this;
  }

  get output(): ProcessStreams["output"] {
    return this.#queue;
  }

  get held(): boolean {
    return this.#queue.held;
  }

  unlimit(): void {
    this.#queue.unlimit();
  }

  write(data: Uint8Array): Promise<void> {
    const written = this.#writing.then(() => this.#writeAll(data));
    this.#writing = written.catch(() => {});
    return written;
  }

  closeStdin(): Promise<void> {
    const closed = this.#writing.then(() => {
      if (this.#state !== "open") return;
      this.#state = "stdin-closed";
      this.#socket?.shutdown();
    });
    this.#writing = closed.catch(() => {});
    return closed;
  }

  close(): void {
    if (this.#state === "closed" || this.#state === "kept") return;
    const keep = this.#options.keepAfterClose && this.#state === "open";
    this.#state = keep ? "kept" : "closed";
    this.#queue.discard();
    this.#wakeWriter();
    if (keep) return;
    this.#socket?.terminate();
    this.#options.onClose(this);
  }

  terminate(): void {
    this.#over();
  }

  async #writeAll(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length;) {
      if (this.#state !== "open") throw stdinClosed();
      const taken = this.#socket!.write(data.subarray(at, at + packetBytes));
      if (taken < 0) throw stdinClosed();
      at += taken;
      if (at < data.length && taken < packetBytes) await new Promise<void>((wake) => (this.#room = wake));
    }
  }

  #receive(packet: Buffer): void {
    const stream = streamOf[packet[0]!];
    if (stream !== undefined) this.#queue.push({ stream, data: packet.subarray(1) });
  }

  #over(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#queue.end();
    this.#wakeWriter();
    this.#socket?.terminate();
    this.#options.onClose(this);
  }

  #wakeWriter(): void {
    this.#room?.();
    this.#room = undefined;
  }
}

function stdinClosed(): Error {
  return fail("conflict", "task.stdin-closed", "nobody reads the process's input any more");
}

/** Streams of a process that has ended: no output, and nobody who reads. */
export function endedStreams(): ProcessStreams {
  const queue = new OutputQueue(() => {});
  queue.end();
  return {
    output: queue,
    write: () => Promise.reject(stdinClosed()),
    closeStdin: () => Promise.resolve(),
    close: () => {},
  };
}
