import { errnoOf, fail } from "../base/index.ts";

export interface ListenAddress {
  /** An address of this machine: `127.0.0.1`, `::1`, `0.0.0.0`. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000` or a port alone, which means loopback. Throws `invalid` /
 * `cli.usage`.
 */
export function parseListenAddress(option: string, text: string): ListenAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:]+)\]|([0-9.]+|localhost)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw fail("invalid", "cli.usage", `--${option} takes an address and a port, not '${text}'`, {
      hint: `--${option} 127.0.0.1:5000, or 0.0.0.0:5000 for other machines too`,
    });
  }
  const host = match[1] ?? match[2] ?? "127.0.0.1";
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** Seconds without a byte after which a connection is given up: the most that Bun knows. */
const idleSeconds = 255;

/** Serves `fetch` on a TCP address; `peer` says where a request comes from. Throws `conflict` / `registry.address-in-use`. */
export function listenTcp(
  address: ListenAddress,
  fetch: (request: Request, peer: () => string) => Response | Promise<Response>,
  tls?: { readonly cert: string; readonly key: string },
): AsyncDisposable & { readonly address: string } {
  const { host: hostname, port } = address;
  const server = (() => {
    try {
      return Bun.serve({
        hostname,
        port,
        fetch: (request, self) => fetch(request, () => self.requestIP(request)?.address ?? ""),
        ...(tls ? { tls } : {}),
        development: false,
        idleTimeout: idleSeconds,
        // A layer has any size; it is never held in memory.
        maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      });
    } catch (error) {
      if (errnoOf(error) !== "EADDRINUSE" && errnoOf(error) !== "EADDRNOTAVAIL") throw error;
      throw fail("conflict", "registry.address-in-use", `the registry cannot listen at ${hostname}:${port}`, {
        hint: `ss -ltnp shows who does; or choose another: virga serve --registry 127.0.0.1:PORT`,
        cause: error,
      });
    }
  })();
  return {
    address: `${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
