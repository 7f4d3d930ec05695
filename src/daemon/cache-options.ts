import { readFileSync } from "node:fs";
import { fail, messageOf, parseBytes, parseDuration } from "../base/index.ts";
import type { Credentials } from "../distribution/index.ts";
import { checkName, type CacheSettings, type Upstream } from "../registry/index.ts";
import type { ConfigFile } from "./config-file.ts";
import { parseListenAddress, type ListenAddress } from "./registry-server.ts";

/** Which registries are cached, and where their caches are served as mirrors. */
export interface CacheOptions {
  readonly settings: CacheSettings;
  readonly mirrors: readonly { readonly domain: string; readonly address: ListenAddress }[];
}

export interface CacheValues {
  /** `DOMAIN` or `DOMAIN=ADDRESS`. */
  readonly "registry-cache"?: readonly string[] | undefined;
  readonly "registry-cache-size"?: string | undefined;
}

type Entry = NonNullable<ConfigFile["registry-caches"]>[string];

const defaults = { size: "20g", fresh: "10m" };

/** Undefined when none was asked for. Throws `invalid` / `cli.usage` or `config.malformed`. */
export function cacheOptions(file: ConfigFile, line: CacheValues): CacheOptions | undefined {
  const entries = new Map<string, Entry>(Object.entries(file["registry-caches"] ?? {}));
  for (const text of line["registry-cache"] ?? []) {
    const [domain, mirror] = text.split("=", 2) as [string, string | undefined];
    entries.set(domain, { ...entries.get(domain), ...(mirror === undefined ? {} : { mirror }) });
  }
  const size = line["registry-cache-size"] ?? file["registry-cache-size"] ?? defaults.size;
  if (entries.size === 0) return undefined;
  const upstreams = [...entries].map(([domain, entry]) => upstreamOf(domain, entry));
  for (const [at, { prefix }] of upstreams.entries()) {
    const other = upstreams.find((one, n) => n !== at && `${one.prefix}/`.startsWith(`${prefix}/`));
    if (other) throw malformed(`the caches of two registries have the prefix '${prefix}'`);
  }
  const mirrors = [...entries].flatMap(([domain, { mirror }]) =>
    mirror === undefined ? [] : [{ domain, address: parseListenAddress("registry-cache", mirror) }],
  );
  return { settings: { upstreams, bytes: parseBytes(size) }, mirrors };
}

function upstreamOf(domain: string, entry: Entry): Upstream {
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/.test(domain)) {
    throw malformed(`'${domain}' is not the name of a registry`, "write it like docker.io or quay.io");
  }
  const prefix = entry.prefix ?? `cache/${domain.replace(":", "-")}`;
  return {
    domain,
    prefix: checkName(prefix),
    freshMs: parseDuration(entry["fresh-for"] ?? defaults.fresh),
    ...credentialsOf(domain, entry),
  };
}

function credentialsOf(
  domain: string,
  { username, "password-file": path }: Entry,
): { readonly credentials?: Credentials } {
  if (username === undefined && path === undefined) return {};
  if (username === undefined || path === undefined) {
    throw malformed(`the cache of ${domain} has one of username and password-file, not both`);
  }
  try {
    const password = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return { credentials: { kind: "password", username, password } };
  } catch (error) {
    throw malformed(`the password for ${domain} can't be read: ${messageOf(error)}`);
  }
}

function malformed(message: string, hint = "docs/registry.md tells how caches are configured"): Error {
  return fail("invalid", "config.malformed", message, { hint });
}
