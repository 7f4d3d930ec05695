import type { Duplex } from "node:stream";

/** A connection after the switch from HTTP to raw bytes. */
export interface RawConnection {
  /** What the client sends, until it ends its half. Throws when the connection breaks. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more; false when the client is gone. */
  write(data: Uint8Array): Promise<boolean>;
  /** Ends the daemon's half, after what was written. */
  end(): void;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}

/** `socket` of an upgraded request; `head` are bytes that came right behind it. */
export function socketConnection(socket: Duplex, head: Uint8Array): RawConnection {
  const gone = new AbortController();
  const onGone = () => gone.abort(new DOMException("The client has gone", "AbortError"));
  socket.on("close", onGone);
  socket.on("error", onGone);
  if (socket.destroyed) onGone();
  return {
    input: readSocket(socket, head),
    gone: gone.signal,
    async write(data) {
      if (gone.signal.aborted || socket.writableEnded) return false;
      if (socket.write(data)) return true;
      await drained(socket, gone.signal);
      return !gone.signal.aborted;
    },
    end() {
      if (!socket.destroyed && !socket.writableEnded) socket.end();
    },
  };
}

function drained(socket: Duplex, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    socket.on("drain", done);
    gone.addEventListener("abort", done);
    if (gone.aborted) done();
  });
}

async function* readSocket(socket: Duplex, head: Uint8Array): AsyncIterableIterator<Uint8Array> {
  if (head.length > 0) yield head;
  // destroyOnReturn: the daemon's half must stay open after the client has ended its own.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
}
