import { errnoOf, fail } from "../../base/index.ts";
import { frameHeaderSize, frameKinds, type Failure, type FrameKind, type Job } from "./protocol.ts";

export interface JobStreams {
  readonly input?: AsyncIterable<Uint8Array>;
  /** Gets the job's output. The worker waits while this does. */
  readonly output?: (bytes: Uint8Array) => Promise<void>;
  /** For each path, whether to leave it out. */
  readonly exclude?: (path: string) => boolean;
  readonly signal?: AbortSignal;
}

const pieceSize = 1 << 18;

/** The daemon's end of one worker process. Does one job at a time; after a failed job it is of no more use. */
export class Worker {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #reader: { read(): Promise<{ readonly value?: Uint8Array | undefined }> };
  #rest: Uint8Array = new Uint8Array(0);

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command, String(process.pid)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    this.#reader = this.#child.stdout.getReader();
    this.rest();
  }

  /** False once the process ended, for whatever reason. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** An idle worker does not keep the daemon's event loop alive. */
  rest(): void {
    this.#child.unref();
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async run(job: Job, streams: JobStreams): Promise<unknown> {
    const { signal } = streams;
    signal?.throwIfAborted();
    this.#child.ref();
    const stop = () => this.#child.kill("SIGKILL");
    signal?.addEventListener("abort", stop, { once: true });
    // An input that fails ends the worker, so the wait for its answer ends too; the input's error is the one to tell.
    let inputError: { readonly error: unknown } | undefined;
    try {
      await this.#send(frameKinds.job, Buffer.from(JSON.stringify(job)));
      const sent = this.#sendInput(streams.input).catch((error: unknown) => {
        inputError = { error };
        stop();
      });
      const result = await this.#answers(streams);
      await sent;
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      throw inputError ? (inputError as { error: unknown }).error : error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  async #sendInput(input: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    if (!input) return;
    for await (const chunk of input) {
      for (let start = 0; start < chunk.length; start += pieceSize) {
        if (!(await this.#send(frameKinds.data, chunk.subarray(start, start + pieceSize)))) return;
      }
    }
    await this.#send(frameKinds.end, new Uint8Array(0));
  }

  /** False when the worker is gone; what it said last, or its end, then comes out of `#answers`. */
  async #send(kind: FrameKind, payload: Uint8Array): Promise<boolean> {
    const frame = Buffer.allocUnsafe(frameHeaderSize + payload.length);
    frame[0] = kind;
    frame.writeUInt32LE(payload.length, 1);
    frame.set(payload, frameHeaderSize);
    try {
      void this.#child.stdin.write(frame);
      await this.#child.stdin.flush();
      return true;
    } catch (error) {
      if (errnoOf(error) === "EPIPE" || errnoOf(error) === "ECONNRESET") return false;
      throw error;
    }
  }

  /** Serves what the worker asks and sends until it is done. */
  async #answers(streams: JobStreams): Promise<unknown> {
    for (;;) {
      const header = Buffer.from(await this.#take(frameHeaderSize));
      const length = header.readUInt32LE(1);
      if (header[0] === frameKinds.data) {
        await this.#pass(length, streams.output);
        continue;
      }
      const answer = JSON.parse(Buffer.from(await this.#take(length)).toString()) as unknown;
      if (header[0] === frameKinds.result) return answer;
      if (header[0] === frameKinds.failure) throw asError(answer as Failure);
      const excluded = (answer as string[]).map((path) => streams.exclude?.(path) ?? false);
      await this.#send(frameKinds.answer, Buffer.from(JSON.stringify(excluded)));
    }
  }

  async #pass(length: number, output: JobStreams["output"]): Promise<void> {
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0) await this.#fill();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      await output?.(piece);
    }
  }

  async #take(length: number): Promise<Uint8Array> {
    while (this.#rest.length < length) await this.#fill();
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #fill(): Promise<void> {
    const { value } = await this.#reader.read();
    if (!value) {
      const code = await this.#child.exited;
      throw fail(
        "internal",
        "layer.worker-ended",
        `a tree worker ended with ${code} in the middle of its job`,
        {
          hint: "look into the daemon's log; the machine may be out of memory",
        },
      );
    }
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
  }
}

function asError(failure: Failure): Error {
  return fail(
    failure.kind,
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  );
}
