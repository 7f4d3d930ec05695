import type { Duplex } from "node:stream";
import type { ApiContext } from "../http/context.ts";
import { streamed, Channel } from "../http/streams.ts";
import { rawStreamType } from "./stdcopy.ts";
import type { RawConnection } from "./connection.ts";

/** A request that turns its connection into a raw one, all of its checks passed. */
export interface Hijack {
  readonly contentType: string;
  /** It is a websocket's connection, not a bare one. */
  readonly websocket?: { readonly text: boolean };
  /** Serves the connection to its end. */
  run(connection: RawConnection): Promise<void>;
}

/** A request whose connection goes over to another protocol altogether, all of its checks passed. */
export interface Takeover {
  /** As the answer names it. */
  readonly protocol: string;
  /** Serves the connection to its end. */
  serve(socket: Duplex): Promise<void>;
}

/**
 * Answers without an upgrade: the response's body is the daemon's half, the request's body the client's. Clients that
 * would go on to write on the bare socket must ask for an upgrade, as Docker's own have since API 1.20.
 */
export function hijackWithoutUpgrade(
  c: ApiContext,
  input: AsyncIterable<Uint8Array>,
  hijack: Hijack,
): Response {
  // The old way knows one content type; the multiplexed one came with the upgrade.
  return streamed(c, rawStreamType, async function* (signal) {
    const output = new RendezvousChannel();
    const served = hijack
      .run({
        input,
        gone: signal,
        write: (data) => output.write(data, signal),
        end: () => output.close(),
      })
      .finally(() => output.close());
    served.catch(() => {});
    for await (const { data, taken } of output) {
      yield data;
      taken();
    }
    await served;
  });
}

/** One piece at a time: the writer waits until the reader comes for the next, so that nothing piles up. */
class RendezvousChannel extends Channel<{ readonly data: Uint8Array; readonly taken: () => void }> {
  async write(data: Uint8Array, gone: AbortSignal): Promise<boolean> {
    if (gone.aborted) return false;
    await new Promise<void>((resolve) => {
      gone.addEventListener("abort", () => resolve(), { once: true });
      this.push({ data, taken: resolve });
    });
    return !gone.aborted;
  }
}
