import { hostname } from "node:os";
import { fail } from "../base/index.ts";
import { cacheOptions, type CacheOptions, type CacheValues } from "./cache-options.ts";
import type { ConfigFile } from "./config-file.ts";
import { isLoopback, parseListenAddress, type ListenAddress } from "./registry-server.ts";

/** How the registry is served. */
export interface RegistryOptions {
  readonly address: ListenAddress;
  /** Files of a certificate and its key, or names for one that an authority of our own signs. */
  readonly tls?:
    | { readonly certificate: string; readonly key: string }
    | { readonly names: readonly string[] };
  readonly caches?: CacheOptions;
}

export interface RegistryValues extends CacheValues {
  readonly registry?: string | undefined;
  readonly "registry-tls-cert"?: string | undefined;
  readonly "registry-tls-key"?: string | undefined;
  readonly "registry-own-ca"?: boolean | undefined;
  readonly "registry-name"?: readonly string[] | undefined;
}

/** Undefined when no registry was asked for. What the command line says counts more. Throws `invalid` / `cli.usage`. */
export function registryOptions(file: ConfigFile, line: RegistryValues): RegistryOptions | undefined {
  const served = servedOptions(file, line);
  const caches = cacheOptions(file, line);
  if (!caches) return served;
  if (!served)
    throw usage("caches are served by the registry, which has no address", "--registry 127.0.0.1:5000");
  const own = caches.settings.upstreams.find(({ domain }) => isOwnDomain(served, domain));
  if (own) throw usage(`${own.domain} is this registry itself`, "give the registry that is to be cached");
  return { ...served, caches };
}

function servedOptions(file: ConfigFile, line: RegistryValues): RegistryOptions | undefined {
  const text = line.registry ?? file.registry;
  const certificate = line["registry-tls-cert"] ?? file["registry-tls-cert"];
  const key = line["registry-tls-key"] ?? file["registry-tls-key"];
  const own = line["registry-own-ca"] ?? file["registry-own-ca"] ?? false;
  const names = line["registry-name"] ?? file["registry-names"] ?? [];
  if (text === undefined) {
    if (certificate ?? key ?? (own || names.length > 0 || undefined)) {
      throw usage("the registry has settings for TLS and no address", "--registry 127.0.0.1:5000");
    }
    return undefined;
  }
  const address = parseListenAddress("registry", text);
  if (own && certificate)
    throw usage("the registry has a certificate and an authority of its own", "give one");
  if (own) return { address, tls: { names: [...namesOf(address), ...names] } };
  if (names.length > 0) throw usage("names are for a certificate of our own", "--registry-own-ca");
  if (!certificate && !key) return { address };
  if (!certificate || !key)
    throw usage("a certificate and its key go together", "--registry-tls-cert, --registry-tls-key");
  return { address, tls: { certificate, key } };
}

/** Whether `domain` (`localhost:5000`) leads to the registry of this daemon. */
export function isOwnDomain(options: RegistryOptions | undefined, domain: string): boolean {
  if (!options || options.address.port === 0) return false;
  const { address, tls } = options;
  const names = [...namesOf(address), ...(tls && "names" in tls ? tls.names : [])];
  return names.some((name) => domain === `${name.includes(":") ? `[${name}]` : name}:${address.port}`);
}

function namesOf(address: ListenAddress): string[] {
  const local = ["localhost", "127.0.0.1", "::1"];
  if (isLoopback(address)) return local;
  const any = address.host === "0.0.0.0" || address.host === "::";
  return [...local, hostname(), ...(any ? [] : [address.host])];
}

function usage(message: string, hint: string): Error {
  return fail("invalid", "cli.usage", message, { hint });
}
