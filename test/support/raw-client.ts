import { connect, type Socket } from "node:net";

/** A connection to a unix socket that sends what no HTTP library would. */
export interface RawClient {
  readonly socket: Socket;
  /** What has come so far, as Latin-1 text. */
  received(): string;
  /** Resolves when `wanted` has come; throws when the connection ends before. */
  until(wanted: string | RegExp): Promise<string>;
  /** Resolves with all that came, when the other side has ended or broken the connection. */
  closed(): Promise<string>;
  send(data: string | Uint8Array): void;
  /** Goes away as a killed client does. */
  destroy(): void;
}

export async function rawClient(path: string): Promise<RawClient> {
  const socket = connect(path);
  let text = "";
  const over = new AbortController();
  let notify = Promise.withResolvers<void>();
  const changed = () => {
    notify.resolve();
    notify = Promise.withResolvers<void>();
  };
  socket.on("data", (data) => {
    text += data.toString("latin1");
    changed();
  });
  // A connection that breaks is an answer too; `close` follows.
  socket.on("error", () => {});
  socket.on("close", () => {
    over.abort();
    changed();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return {
    socket,
    received: () => text,
    async until(wanted) {
      while (typeof wanted === "string" ? !text.includes(wanted) : !wanted.test(text)) {
        if (over.signal.aborted)
          throw new Error(`the connection ended without ${wanted}: ${text.slice(0, 300)}`);
        await notify.promise;
      }
      return text;
    },
    async closed() {
      while (!over.signal.aborted) await notify.promise;
      return text;
    },
    send: (data) => void socket.write(data),
    destroy: () => socket.destroy(),
  };
}

/** Sends `data` and returns all that comes until the other side closes; the request must ask for that. */
export async function rawRequest(path: string, data: string | Uint8Array): Promise<string> {
  const client = await rawClient(path);
  client.send(data);
  return client.closed();
}
