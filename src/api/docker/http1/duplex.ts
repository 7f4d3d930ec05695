import { Duplex } from "node:stream";
import { messageOf } from "../../../base/index.ts";
import type { Link } from "./link.ts";

/** The connection as a stream of Node's, for libraries that speak another protocol on it. */
export function linkDuplex(link: Link): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      link.input.take().then(
        (piece) => void duplex.push(piece ?? null),
        (error: unknown) => duplex.destroy(new Error(messageOf(error))),
      );
    },
    write(data: Uint8Array, _encoding, done) {
      void writeTo(link, data, done);
    },
    final(done) {
      link.end();
      done();
    },
    destroy(error, done) {
      link.destroy();
      done(error);
    },
  });
  // Without a listener a connection that breaks would end the daemon.
  duplex.on("error", () => {});
  link.gone.addEventListener("abort", () => duplex.destroy(), { once: true });
  return duplex;
}

async function writeTo(link: Link, data: Uint8Array, done: (error?: Error) => void): Promise<void> {
  if (await link.write(data)) done();
  else done(new Error("the client has gone"));
}
