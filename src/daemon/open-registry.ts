import { readFileSync } from "node:fs";
import { createRegistryApp } from "../api/registry/index.ts";
import type { Logger } from "../base/index.ts";
import { makeServerCertificate, type CertificateFiles, type DaemonIdentity } from "../host/index.ts";
import type { RegistryOptions } from "./registry-options.ts";
import { isLoopback, listenTcp } from "./registry-server.ts";
import type { Services } from "./services.ts";

export interface OpenRegistry extends AsyncDisposable {
  readonly address: string;
  /** The certificate of our own authority, which clients have to trust; PEM. */
  readonly authority?: string;
}

/** The registry's HTTP side, where it was asked for: a port is nothing to open unasked. */
export async function openRegistry(
  options: RegistryOptions | undefined,
  identity: DaemonIdentity,
  logger: Logger,
  { registry }: Services,
): Promise<OpenRegistry | undefined> {
  if (!options) return undefined;
  const files = await certificateFiles(options, identity);
  const { users, tokens, attempts } = registry;
  const access = { users, tokens, attempts, loopback: isLoopback(options.address), tls: files !== undefined };
  const app = createRegistryApp({ registry, logger, access });
  const tls = files && {
    cert: readFileSync(files.certificate, "utf8"),
    key: readFileSync(files.key, "utf8"),
  };
  const server = listenTcp(options.address, (request, peer) => app.fetch(request, { peer }), tls);
  logger.info("the registry listens", { address: server.address, tls: tls !== undefined });
  const authority =
    files?.authority === undefined ? {} : { authority: readFileSync(files.authority, "utf8") };
  return { ...server, ...authority };
}

async function certificateFiles(
  { tls }: RegistryOptions,
  identity: DaemonIdentity,
): Promise<(CertificateFiles & { readonly authority?: string }) | undefined> {
  if (!tls) return undefined;
  return "names" in tls ? await makeServerCertificate(identity.path("registry", "tls"), tls.names) : tls;
}
