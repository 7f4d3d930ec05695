import { chmodSync, rmSync } from "node:fs";
import { lengthenListenQueue } from "../host/index.ts";

/**
 * Serves `fetch` on a unix socket that only root can open. A socket left by a killed daemon is
 * replaced; the instance lock makes sure that nobody listens there.
 */
export function listenUnix(
  path: string,
  fetch: (request: Request) => Response | Promise<Response>,
): AsyncDisposable {
  rmSync(path, { force: true });
  // A stream (progress, logs) may be silent for long, so no idle limit. Bun has one on unix sockets too, of 10 s, though
  // its types do not; and `server.timeout(request, 0)` does not hold for a body that is streamed (Bun 1.4).
  const options: object = { unix: path, idleTimeout: 0, fetch };
  const server = Bun.serve(options as Bun.Serve.Options<undefined>);
  lengthenListenQueue(path);
  chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}
