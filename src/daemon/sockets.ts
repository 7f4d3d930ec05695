import { chmodSync, rmSync } from "node:fs";

/**
 * Serves `fetch` on a unix socket that only root can open. A socket left by a killed daemon is
 * replaced; the instance lock makes sure that nobody listens there.
 */
export function listenUnix(
  path: string,
  fetch: (request: Request) => Response | Promise<Response>,
): AsyncDisposable {
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    fetch(request, self) {
      // A stream (progress, logs) may be silent for longer than Bun's idle timeout.
      self.timeout(request, 0);
      return fetch(request);
    },
  });
  chmodSync(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}
