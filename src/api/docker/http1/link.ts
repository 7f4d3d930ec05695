import type { Socket } from "bun";
import { ByteInput } from "./byte-input.ts";

/** One connection of a client, as bytes. */
export interface Link {
  /** Ends when the client has ended its half, or is gone. */
  readonly input: ByteInput;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
  /** Resolves when there is room for more; false when the client is gone, or the daemon's half has ended. */
  write(data: Uint8Array): Promise<boolean>;
  /** Ends the daemon's half, after what was written; the connection, when the client has ended its own. */
  end(): void;
  /** Ends the connection, after what was written. */
  close(): void;
  /** Cuts the connection. */
  destroy(): void;
}

/** What a socket tells its connection. */
export interface SocketLink extends Link {
  received(data: Uint8Array): void;
  drained(): void;
  inputEnded(): void;
  closed(): void;
}

export function socketLink(socket: Socket<unknown>): SocketLink {
  const gone = new AbortController();
  const input = new ByteInput((on) => {
    if (on) socket.resume();
    else socket.pause();
  });
  const output = socketOutput(socket);
  let [ending, closing, inputOver] = [false, false, false];
  const finish = () => {
    if (output.busy) return;
    // What the kernel has of an answer reaches its client, whatever comes after.
    if (closing || inputOver) socket.terminate();
    else socket.shutdown();
  };
  const endWith = (whole: boolean) => {
    if ((ending && !whole) || gone.signal.aborted) return;
    ending = true;
    closing ||= whole;
    finish();
  };
  return {
    input,
    gone: gone.signal,
    async write(data) {
      if (gone.signal.aborted || ending) return false;
      await output.write(data);
      return !gone.signal.aborted;
    },
    end: () => endWith(false),
    close: () => endWith(true),
    destroy: () => socket.terminate(),
    received: (data) => input.push(data),
    drained() {
      output.drain();
      if (ending) finish();
    },
    inputEnded() {
      inputOver = true;
      input.end();
      if (ending) finish();
    },
    closed() {
      gone.abort(new DOMException("The client has gone", "AbortError"));
      input.end();
      output.discard();
    },
  };
}

/** What the kernel does not take at once is kept, and its writer waits. */
function socketOutput(socket: Socket<unknown>) {
  let pending: Uint8Array[] = [];
  let waiting: (() => void)[] = [];
  const wakeAll = () => {
    const all = waiting;
    waiting = [];
    for (const wake of all) wake();
  };
  return {
    get busy() {
      return pending.length > 0;
    },
    async write(data: Uint8Array): Promise<void> {
      const sent = pending.length === 0 ? Math.max(socket.write(data), 0) : 0;
      if (sent === data.length) return;
      pending.push(data.subarray(sent));
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    drain(): void {
      for (let next = pending[0]; next !== undefined; next = pending[0]) {
        const sent = Math.max(socket.write(next), 0);
        if (sent < next.length) {
          pending[0] = next.subarray(sent);
          return;
        }
        pending.shift();
      }
      wakeAll();
    },
    discard(): void {
      pending = [];
      wakeAll();
    },
  };
}
