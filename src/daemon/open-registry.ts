import { createRegistryApp } from "../api/registry/index.ts";
import type { Logger } from "../base/index.ts";
import { isLoopback, listenTcp, type ListenAddress } from "./registry-server.ts";
import type { Services } from "./services.ts";

/** The registry's HTTP side, where it was asked for: a port is nothing to open unasked. */
export function openRegistry(
  address: ListenAddress | undefined,
  logger: Logger,
  { registry }: Services,
): (AsyncDisposable & { readonly address: string }) | undefined {
  if (!address) return undefined;
  const { users, tokens } = registry;
  const access = { users, tokens, loopback: isLoopback(address), tls: false };
  const app = createRegistryApp({ registry, logger, access });
  const server = listenTcp(address, app.fetch);
  logger.info("the registry listens", { address: server.address });
  return server;
}
