import { fail } from "../../../base/index.ts";
import { errorDetailHeader, errorFrom, queryText, unreachable, type Query } from "./transport.ts";

/** A connection that was taken out of HTTP: the stdio of a container or an exec. */
export interface RawConnection {
  /** Whether output comes in frames (see `framedOutput`) or as it is. */
  readonly multiplexed: boolean;
  /** What the daemon sends, to its end. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more; false when the daemon has closed the connection. */
  write(data: Uint8Array): Promise<boolean>;
  /** The process reads the end of its input; its output goes on. */
  endInput(): void;
  close(): void;
}

/** So many bytes wait here for who reads `output`, then the daemon waits. */
const highWater = 1024 * 1024;

/** Sends a request that upgrades its connection. Throws the daemon's error when it answers anything else. */
export async function openRaw(
  socketPath: string,
  method: string,
  path: string,
  options: { readonly query?: Query; readonly json?: unknown } = {},
): Promise<RawConnection> {
  const body = options.json === undefined ? "" : JSON.stringify(options.json);
  const stream = createByteStream();
  const { socket, write } = await connect(socketPath, stream);
  const head = [
    `${method} ${path}${queryText(options.query)} HTTP/1.1`,
    "Host: docker",
    "Connection: Upgrade",
    "Upgrade: tcp",
    `${errorDetailHeader}: 1`,
    ...(body === "" ? [] : ["Content-Type: application/json"]),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  await write(Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`));
  const answer = await readHead(stream);
  if (answer.status !== 101 && answer.status !== 200) {
    const text = await readBody(stream, answer.contentLength);
    socket.end();
    throw errorFrom(answer.status, text);
  }
  return {
    multiplexed: answer.contentType.includes("multiplexed"),
    output: stream,
    write,
    endInput: () => socket.shutdown(),
    close: () => socket.end(),
  };
}

/** What the daemon sends goes to `stream`. */
async function connect(unix: string, stream: ByteStream) {
  const room = createGate();
  const gone = new AbortController();
  const end = () => {
    gone.abort();
    stream.end();
    room.open();
  };
  const socket = await Bun.connect({
    unix,
    allowHalfOpen: true,
    socket: {
      data(from, data) {
        if (stream.push(data) <= highWater) return;
        from.pause();
        stream.onRoom(() => from.resume());
      },
      drain: () => room.open(),
      end: () => stream.end(),
      close: end,
      error: end,
    },
  }).catch((error: unknown) => {
    throw unreachable(unix, error);
  });
  const write = async (data: Uint8Array): Promise<boolean> => {
    let rest = data;
    while (rest.length > 0) {
      if (gone.signal.aborted) return false;
      const opened = room.next();
      const written = socket.write(rest);
      if (written < 0) return false;
      rest = rest.subarray(written);
      if (rest.length > 0) await opened;
    }
    return !gone.signal.aborted;
  };
  return { socket, write };
}

/** Waits for the next opening. */
function createGate() {
  let opening = Promise.withResolvers<void>();
  return {
    next: () => opening.promise,
    open() {
      opening.resolve();
      opening = Promise.withResolvers();
    },
  };
}

interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Takes a chunk; returns how many bytes wait. */
  push(data: Uint8Array): number;
  /** Puts a chunk back in front. */
  unread(data: Uint8Array): void;
  next(): Promise<Uint8Array | undefined>;
  /** Called once, when nothing waits any more. */
  onRoom(callback: () => void): void;
  end(): void;
}

function createByteStream(): ByteStream {
  const chunks: Uint8Array[] = [];
  let waiting = 0;
  let ended = false;
  let wake = () => {};
  let room: (() => void) | undefined;
  const next = async () => {
    while (chunks.length === 0) {
      if (ended) return undefined;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const chunk = chunks.shift()!;
    waiting -= chunk.length;
    if (waiting === 0 && room !== undefined) {
      const resume = room;
      room = undefined;
      resume();
    }
    return chunk;
  };
  return {
    push(data) {
      chunks.push(data);
      waiting += data.length;
      wake();
      return waiting;
    },
    unread(data) {
      if (data.length === 0) return;
      chunks.unshift(data);
      waiting += data.length;
    },
    next,
    onRoom: (callback) => void (room = callback),
    end() {
      ended = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
    },
  };
}

async function readHead(stream: ByteStream) {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const chunk = await stream.next();
    if (chunk === undefined) {
      throw fail("unavailable", "daemon.lost", "the daemon closed the connection before it answered", {
        hint: "virga system logs",
      });
    }
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) continue;
    stream.unread(bytes.subarray(end + 4));
    const text = bytes.toString("latin1", 0, end);
    const length = /^content-length: *(\d+)/im.exec(text)?.[1];
    return {
      status: Number(text.split(" ", 2)[1]),
      contentType: /^content-type: *(.*)$/im.exec(text)?.[1] ?? "",
      contentLength: length === undefined ? undefined : Number(length),
    };
  }
}

/** The text of an error: short, with a length or up to the end of the connection. */
async function readBody(stream: ByteStream, length: number | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  let missing = length ?? Number.POSITIVE_INFINITY;
  for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
    chunks.push(chunk);
    missing -= chunk.length;
    if (missing <= 0) break;
  }
  const text = Buffer.concat(chunks).toString();
  // A chunked body: what is between its first brace and its last.
  return text.startsWith("{") ? text : (/\{.*\}/s.exec(text)?.[0] ?? text);
}
