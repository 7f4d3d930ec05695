import { Duplex } from "node:stream";
import { bytesMessage } from "../wire/session.ts";

/**
 * A connection inside a call: what comes in messages of bytes is read from it, what is written to it goes out in such
 * messages.
 */
export function openTunnel(requests: AsyncIterable<Uint8Array>): {
  readonly connection: Duplex;
  readonly answers: AsyncIterable<Uint8Array>;
} {
  const incoming = requests[Symbol.asyncIterator]();
  const outgoing: { data: Uint8Array; done: () => void }[] = [];
  let wake = () => {};
  let over = false;
  const end = () => {
    over = true;
    wake();
  };
  const connection = new Duplex({
    read() {
      incoming.next().then(
        ({ done, value }) => {
          if (done !== true) this.push(bytesMessage.decode(value).data);
          // The caller ends its half when it is through with the connection, and waits for the end of ours.
          else this.destroy();
        },
        (error: Error) => this.destroy(error),
      );
    },
    write(data: Uint8Array, _, done) {
      outgoing.push({ data, done });
      wake();
    },
    final(done) {
      end();
      done();
    },
    destroy(error, done) {
      end();
      done(error);
    },
  });
  const answers = async function* () {
    try {
      for (;;) {
        const next = outgoing.shift();
        if (next) {
          yield bytesMessage.encode({ data: next.data });
          next.done();
        } else if (over) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      connection.destroy();
    }
  };
  return { connection, answers: answers() };
}
