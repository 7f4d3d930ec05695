import { DetachWatcher, parseDetachKeys } from "../base/index.ts";
import { framedOutput, type OutputPiece, type RawConnection } from "../api/client/docker/index.ts";
import { isTerminal, terminalSize } from "./terminal.ts";

export interface SessionOptions {
  /** Whether the process has a terminal: then ours is set to raw mode, and its size is told. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys?: string | undefined;
  readonly resize: (columns: number, rows: number) => Promise<void>;
}

/** As a shell tells of a program that SIGPIPE has ended: nobody reads its output any more. */
export const unreadExitCode = 141;

/**
 * Joins this process's stdio with a container's or an exec's until its output has ended, or until nobody reads ours. The
 * daemon acts on the detach keys; here they are only seen, to know why the output ended. `let-go`: it ended after our
 * input had; the daemon may have let us go, with the process still there.
 */
export async function runSession(
  connection: RawConnection,
  options: SessionOptions,
): Promise<"ended" | "let-go" | "detached" | "unread"> {
  const watcher = new DetachWatcher(parseDetachKeys(options.detachKeys));
  let detached = false;
  let inputEnded = false;
  const onInput = (data: Uint8Array) => {
    if (options.tty) detached ||= watcher.feed(data).detached;
  };
  await using cleanup = new AsyncDisposableStack();
  if (options.tty && options.stdin && isTerminal(0)) cleanup.use(rawMode());
  if (options.tty) cleanup.use(await followSize(options.resize));
  if (options.stdin) {
    // What cannot be delivered any more is dropped: the process has closed its input, or is gone.
    pumpInput(connection, onInput)
      .then((ended) => (inputEnded = ended))
      .catch(() => {});
  }
  const out = cleanup.use(byteSink(1));
  const err = cleanup.use(byteSink(2));
  let isRead = true;
  for await (const { stream, data } of piecesOf(connection)) {
    isRead = await (stream === "stdout" ? out : err).write(data);
    if (!isRead) break;
  }
  connection.close();
  if (!isRead) return "unread";
  if (detached) return "detached";
  return inputEnded ? "let-go" : "ended";
}

async function* piecesOf(connection: RawConnection): AsyncIterableIterator<OutputPiece> {
  if (connection.multiplexed) yield* framedOutput(connection.output);
  else for await (const data of connection.output) yield { stream: "stdout", data };
}

/** True when all input was sent, false when nobody took it any more. */
async function pumpInput(connection: RawConnection, seen: (data: Uint8Array) => void): Promise<boolean> {
  for await (const data of Bun.stdin.stream()) {
    seen(data);
    if (!(await connection.write(data))) return false;
  }
  connection.endInput();
  return true;
}

/** Every key goes to the process as it is typed, Ctrl-C too; taken back at the end. */
function rawMode(): Disposable {
  process.stdin.setRawMode(true);
  return { [Symbol.dispose]: () => void process.stdin.setRawMode(false) };
}

/** Tells the process's terminal the size of ours, now and when it changes. */
async function followSize(resize: (columns: number, rows: number) => Promise<void>): Promise<Disposable> {
  const tellSize = async () => {
    const size = terminalSize();
    // The process may be gone by then.
    if (size) await resize(size.columns, size.rows).catch(() => {});
  };
  await tellSize();
  const onChange = () => void tellSize();
  process.on("SIGWINCH", onChange);
  return { [Symbol.dispose]: () => void process.off("SIGWINCH", onChange) };
}

export interface ByteSink extends AsyncDisposable {
  /** Resolves when there is room for more; false when nobody reads any more. */
  write(data: Uint8Array): Promise<boolean>;
}

/** Bytes for stdout or stderr as they are. */
export function byteSink(fd: 1 | 2): ByteSink {
  let writer: Bun.FileSink | undefined;
  return {
    async write(data) {
      try {
        writer ??= (fd === 1 ? Bun.stdout : Bun.stderr).writer();
        await writer.write(data);
        await writer.flush();
        return true;
      } catch {
        return false;
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        await writer?.flush();
      } catch {
        // Nobody reads any more.
      }
    },
  };
}
