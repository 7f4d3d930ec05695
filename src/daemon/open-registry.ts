import { readFileSync } from "node:fs";
import { createRegistryApp } from "../api/registry/index.ts";
import type { Logger } from "../base/index.ts";
import { makeServerCertificate, type CertificateFiles, type DaemonIdentity } from "../host/index.ts";
import type { RegistryOptions } from "./registry-options.ts";
import { isLoopback, listenTcp, type ListenAddress } from "./registry-server.ts";
import type { Services } from "./services.ts";

export interface OpenRegistry extends AsyncDisposable {
  readonly address: string;
  /** Where caches are served as mirrors of their registries. */
  readonly mirrors: readonly { readonly upstream: string; readonly address: string }[];
  /** The certificate of our own authority, which clients have to trust; PEM. */
  readonly authority?: string;
}

/** The registry's HTTP side, where it was asked for: a port is nothing to open unasked. */
export async function openRegistry(
  options: RegistryOptions | undefined,
  identity: DaemonIdentity,
  logger: Logger,
  { registry, scrubber }: Services,
): Promise<OpenRegistry | undefined> {
  if (!options) return undefined;
  const files = await certificateFiles(options, identity);
  const tls = files && {
    cert: readFileSync(files.certificate, "utf8"),
    key: readFileSync(files.key, "utf8"),
  };
  await using undo = new AsyncDisposableStack();
  const open = (address: ListenAddress, mirrorOf?: string) => {
    const { users, tokens, attempts, caches } = registry;
    const nameIn = caches.nameIn.bind(caches);
    const loopback = isLoopback(address);
    const access = { users, tokens, attempts, nameIn, mirrorOf, loopback, tls: tls !== undefined };
    const app = createRegistryApp({ registry, logger, access, scrubber });
    const server = undo.use(listenTcp(address, (request, peer) => app.fetch(request, { peer }), tls));
    logger.info("the registry listens", { address: server.address, tls: tls !== undefined, mirrorOf });
    return server.address;
  };
  const address = open(options.address);
  const mirrors = (options.caches?.mirrors ?? []).map((one) => ({
    upstream: one.domain,
    address: open(one.address, one.domain),
  }));
  const authority =
    files?.authority === undefined ? {} : { authority: readFileSync(files.authority, "utf8") };
  const opened = undo.move();
  return { address, mirrors, ...authority, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function certificateFiles(
  { tls }: RegistryOptions,
  identity: DaemonIdentity,
): Promise<(CertificateFiles & { readonly authority?: string }) | undefined> {
  if (!tls) return undefined;
  return "names" in tls ? await makeServerCertificate(identity.path("registry", "tls"), tls.names) : tls;
}
