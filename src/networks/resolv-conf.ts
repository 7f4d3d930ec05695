import { existsSync, readFileSync } from "node:fs";

export interface ResolverSettings {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Reads resolv.conf(5); a later `search` or `domain` line replaces an earlier one. */
export function parseResolvConf(text: string): ResolverSettings {
  const servers: string[] = [];
  const options: string[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [key, ...values] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (key === "nameserver" && values[0]) servers.push(values[0]);
    else if (key === "search" || key === "domain") search = values;
    else if (key === "options") options.push(...values);
  }
  return { servers, search, options };
}

export function formatResolvConf({ servers, search, options }: ResolverSettings): string {
  return [
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
    "",
  ].join("\n");
}

export interface ResolverFiles {
  /** The host's resolv.conf. */
  readonly host: string;
  /** The servers that systemd-resolved asks itself. */
  readonly resolved: string;
}

/** Where a container is: on a network with name resolution, on the default bridge, or in the host's own network. */
export type ResolverPlace =
  | { readonly kind: "named"; readonly server: string }
  | { readonly kind: "bridge" }
  | { readonly kind: "host" };

/** Google's, which Docker falls back to as well. */
const publicServers = ["8.8.8.8", "8.8.4.4"];

/**
 * The settings of a container. On a network with name resolution the network's server is asked and passes on what it
 * does not know. Elsewhere the host's servers are, but for those on the host's loopback, out of a container's
 * reach: then those that systemd-resolved itself asks are taken, and when there are none, public ones.
 */
export function containerSettings(
  files: ResolverFiles,
  place: ResolverPlace,
  overrides: Partial<ResolverSettings>,
): ResolverSettings {
  const host = readSettings(files.host);
  const search = (overrides.search ?? host.search).filter((domain) => domain !== ".");
  const options = overrides.options ?? host.options;
  if (place.kind === "named") {
    const dots = options.some((option) => option.startsWith("ndots:")) ? [] : ["ndots:0"];
    return { servers: [place.server], search, options: [...options, ...dots] };
  }
  if (overrides.servers && overrides.servers.length > 0)
    return { servers: overrides.servers, search, options };
  return { servers: place.kind === "host" ? host.servers : reachableServers(host, files), search, options };
}

function reachableServers(host: ResolverSettings, files: ResolverFiles): readonly string[] {
  const reachable = host.servers.filter(isReachable);
  if (reachable.length > 0) return reachable;
  const resolved = readSettings(files.resolved).servers.filter(isReachable);
  return resolved.length > 0 ? resolved : publicServers;
}

function readSettings(path: string): ResolverSettings {
  return parseResolvConf(existsSync(path) ? readFileSync(path, "utf8") : "");
}

/** Link-local IPv6 servers have a zone that means nothing in a container. */
function isReachable(server: string): boolean {
  return !server.startsWith("127.") && server !== "::1" && !server.includes("%");
}
