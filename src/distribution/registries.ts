import { lookup } from "node:dns/promises";
import { fail, isVirgaError, type Clock, type Logger } from "../base/index.ts";
import { createAuthorizer } from "./authorizer.ts";
import { machineAuthorities, readCertificates } from "./certificates.ts";
import { createConnection } from "./connection.ts";
import { createContacts, type Contact } from "./contacts.ts";
import type { Credentials } from "./credentials.ts";
import { logIn } from "./log-in.ts";
import type { Environment } from "./proxy.ts";
import { createRemote } from "./remote.ts";
import type { Registries, RemoteRepository, RepositoryName } from "./repository.ts";
import type { LookUp, RegistrySettings } from "./settings.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface RegistriesDependencies {
  readonly settings: RegistrySettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The daemon's environment, for proxies. */
  readonly environment: Environment;
  /** Folders laid out as /etc/docker/certs.d. */
  readonly certificateDirectories: readonly string[];
  readonly lookUp?: LookUp;
}

/** An address of a repository: the registry's own, or a mirror's. */
interface Address {
  /** `https://mirror.example`; a registry's own has no scheme yet. */
  readonly host: string;
  readonly scheme?: "https" | "http";
  readonly path: string;
  readonly isMirror: boolean;
}

export function createRegistries(dependencies: RegistriesDependencies): Registries {
  const { settings, clock, logger, environment } = dependencies;
  let authorities: { readonly pem: string | undefined } | undefined;
  const transport = createTransport({
    clock,
    environment,
    certificatesOf: (host) => readCertificates(dependencies.certificateDirectories, host),
    authorities: () => (authorities ??= { pem: machineAuthorities(environment) }).pem,
  });
  const contacts = createContacts({
    transport,
    clock,
    settings,
    lookUp: dependencies.lookUp ?? addressesOf,
  });

  return {
    async pulling(name, options, work) {
      for (const address of addressesFor(settings, name)) {
        try {
          const contact = await contacts.reach(address.host, address.scheme, options.signal);
          return await work(connect({ transport, clock }, name, address, contact, options));
        } catch (error) {
          options.signal.throwIfAborted();
          const theirs =
            isVirgaError(error) && /^(registry\.|content\.digest|image\.malformed|policy\.)/.test(error.code);
          if (!address.isMirror || !theirs) throw error;
          logger.warn("a registry mirror failed", { mirror: address.host, repository: name.path, error });
        }
      }
      throw fail("internal", "registry.no-address", `no address for ${name.domain}`);
    },
    async open(name, options) {
      const address = ownAddress(name);
      const contact = await contacts.reach(address.host, undefined, options.signal);
      return connect({ transport, clock }, name, address, contact, options);
    },
    async logIn(domain, credentials, signal) {
      const { host } = ownAddress({ domain, path: "" });
      const contact = await contacts.reach(host, undefined, signal, { fresh: true });
      return await logIn({ transport, clock, domain, host }, contact, credentials, signal);
    },
  };
}

function connect(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  name: RepositoryName,
  address: Address,
  { origin, insecure, challenged }: Contact,
  options: { readonly credentials?: Credentials | undefined; readonly push?: boolean },
): RemoteRepository {
  // A mirror is somebody else: it never gets the registry's credentials.
  const credentials = address.isMirror ? undefined : options.credentials;
  const { host } = new URL(origin);
  const authorizer = createAuthorizer({ transport, clock, host, insecure, credentials, challenged });
  const connection = createConnection({
    name,
    path: address.path,
    base: `${origin}/v2/${address.path}/`,
    actions: options.push === true ? "pull,push" : "pull",
    clock,
    authorizer,
    transport,
    insecure,
  });
  return createRemote(connection, address.isMirror);
}

/** Docker Hub's registry has another name than its images. */
function ownAddress({ domain, path }: RepositoryName): Address {
  return { host: domain === "docker.io" ? "registry-1.docker.io" : domain, path, isMirror: false };
}

function addressesFor(settings: RegistrySettings, name: RepositoryName): Address[] {
  const more = Object.hasOwn(settings.mirrorsOf, name.domain) ? settings.mirrorsOf[name.domain]! : [];
  const mirrors = [...(name.domain === "docker.io" ? settings.mirrors : []), ...more].map((text): Address => {
    const url = new URL(text);
    const prefix = url.pathname.replaceAll(/^\/|\/$/g, "");
    return {
      host: url.host,
      scheme: url.protocol === "http:" ? "http" : "https",
      path: prefix === "" ? name.path : `${prefix}/${name.path}`,
      isMirror: true,
    };
  });
  return [...mirrors, ownAddress(name)];
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return await lookup(name, { all: true }).then(
    (all) => all.map((one) => one.address),
    () => [],
  );
}
