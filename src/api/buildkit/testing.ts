import { Duplex } from "node:stream";

/** The two ends of a connection in memory. */
export function connectionPair(): [Duplex, Duplex] {
  const make = (): Duplex & { other?: Duplex } =>
    new Duplex({
      read() {},
      write(chunk: Uint8Array, _, done) {
        const { other } = this as { other?: Duplex };
        other?.push(Buffer.from(chunk));
        setImmediate(done);
      },
      final(done) {
        (this as { other?: Duplex }).other?.push(null);
        done();
      },
      destroy(error, done) {
        const { other } = this as { other?: Duplex };
        if (other && !other.destroyed) setImmediate(() => other.destroy());
        done(error);
      },
    });
  const [a, b] = [make(), make()];
  a.other = b;
  b.other = a;
  return [a, b];
}

/** What `work` fails with. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
