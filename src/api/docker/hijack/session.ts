import { DetachWatcher, isVirgaError } from "../../../base/index.ts";
import type { RawConnection } from "./connection.ts";
import { frame } from "./stdcopy.ts";

/** The daemon's side of a session: a container's or an exec's stdio (`Attachment` of containers). */
export interface SessionStreams {
  readonly tty: boolean;
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  write(data: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  close(): void;
}

export interface SessionOptions {
  readonly stdin: boolean;
  /** Both outputs as one stream of bytes, without frames. */
  readonly raw: boolean;
  readonly detachKeys: readonly number[];
  /** When the client ends its half: the process reads the end of its input, or the client is let go. */
  readonly onInputEnd: "close-stdin" | "let-go";
  /** Awaited between the last output and the end of the connection. */
  readonly settled?: () => Promise<unknown>;
}

/**
 * Joins a client and a process until the process has closed its output and all of it is sent, the client types the
 * detach keys, or the client goes. The process is let go in each case, never killed. Resolves with how it ended.
 */
export async function runSession(
  streams: SessionStreams,
  connection: RawConnection,
  options: SessionOptions,
): Promise<"ended" | "detached" | "gone"> {
  let detached = false;
  const letGo = () => streams.close();
  connection.gone.addEventListener("abort", letGo);
  if (connection.gone.aborted) letGo();
  const input = pumpInput(streams, connection, options, () => {
    detached = true;
    streams.close();
  });
  // Its failure ends its own direction only; the output goes on until the process or the client ends it.
  const failures: unknown[] = [];
  input.catch((error: unknown) => {
    if (!connection.gone.aborted) failures.push(error);
  });
  try {
    await pumpOutput(streams, connection, options.raw);
    if (!detached && !connection.gone.aborted) await options.settled?.();
  } finally {
    connection.gone.removeEventListener("abort", letGo);
    streams.close();
    connection.end();
  }
  if (failures.length > 0) throw failures[0];
  if (detached) return "detached";
  return connection.gone.aborted ? "gone" : "ended";
}

async function pumpOutput(streams: SessionStreams, connection: RawConnection, raw: boolean): Promise<void> {
  for await (const { stream, data } of streams.output) {
    if (!(await connection.write(raw ? data : frame(stream, data)))) return;
  }
}

async function pumpInput(
  streams: SessionStreams,
  connection: RawConnection,
  options: SessionOptions,
  onDetach: () => void,
): Promise<void> {
  const watcher = options.stdin && streams.tty ? new DetachWatcher(options.detachKeys) : undefined;
  let open = options.stdin;
  for await (const chunk of connection.input) {
    if (!open) continue;
    const { pass, detached } = watcher?.feed(chunk) ?? { pass: chunk, detached: false };
    if (pass.length > 0) open = await offer(streams, pass);
    if (detached) return onDetach();
  }
  if (!options.stdin || connection.gone.aborted) return;
  if (options.onInputEnd === "let-go") streams.close();
  else if (open) await streams.closeStdin();
}

/** False when nobody reads the process's input any more: what still comes is then dropped, as with a closed pipe. */
async function offer(streams: SessionStreams, data: Uint8Array): Promise<boolean> {
  try {
    await streams.write(data);
    return true;
  } catch (error) {
    if (isVirgaError(error, "conflict")) return false;
    throw error;
  }
}
