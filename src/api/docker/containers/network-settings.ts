import type { Container, EndpointSettings } from "../../../containers/index.ts";
import type { Endpoint, Network, Networks, PortMapping } from "../../../networks/index.ts";
import { isVirgaError } from "../../../base/index.ts";
import { holds, quirks } from "../quirks.ts";
import type { ApiVersion } from "../versions.ts";

type NetworkLookup = Pick<Networks, "resolve">;

/** The network of a name or id; undefined when it was removed meanwhile. */
function find(networks: NetworkLookup, nameOrId: string): Network | undefined {
  try {
    return networks.resolve(nameOrId);
  } catch (error) {
    if (isVirgaError(error, "not-found")) return undefined;
    throw error;
  }
}

/** `NetworkSettings.Networks`: an entry by network name. Addresses are told while the container runs. */
export function encodeNetworks(container: Container, networks: NetworkLookup) {
  const running = container.state.status === "running";
  const entries = container.endpoints.map((endpoint) => {
    const network = find(networks, endpoint.networkId);
    return [
      network?.name ?? endpoint.networkId,
      encodeEndpoint(container, endpoint, network, running),
    ] as const;
  });
  const missing = (container.missingNetworks ?? []).map(
    (name) =>
      [name, { ...emptyEndpoint(""), ...askedFor(container.spec.network?.endpoints?.[name]) }] as const,
  );
  if (entries.length + missing.length > 0) return Object.fromEntries([...entries, ...missing]);
  return encodeBuiltinNetwork(container, networks);
}

/** `host` and `none` have no endpoints; Docker shows an empty entry for them. */
function encodeBuiltinNetwork(container: Container, networks: NetworkLookup) {
  const mode = container.spec.network?.mode ?? "bridge";
  if (mode.startsWith("container:")) return {};
  const network = find(networks, mode);
  return network === undefined ? {} : { [network.name]: emptyEndpoint(network.id) };
}

interface FixedAddresses {
  readonly IPv4Address?: string;
  readonly IPv6Address?: string;
  readonly LinkLocalIPs?: readonly string[];
}

function emptyEndpoint(networkId: string) {
  return {
    IPAMConfig: null as FixedAddresses | null,
    Links: null as readonly string[] | null,
    Aliases: null as readonly string[] | null,
    MacAddress: "",
    DriverOpts: null as Readonly<Record<string, string>> | null,
    GwPriority: 0,
    NetworkID: networkId,
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null as readonly string[] | null,
  };
}

/** What a user has said of an endpoint. */
function askedFor(asked: EndpointSettings | undefined) {
  const fixed = {
    ...(asked?.ipv4 === undefined ? {} : { IPv4Address: asked.ipv4 }),
    ...(asked?.ipv6 === undefined ? {} : { IPv6Address: asked.ipv6 }),
    ...(asked?.linkLocal === undefined ? {} : { LinkLocalIPs: asked.linkLocal }),
  };
  return {
    IPAMConfig: Object.keys(fixed).length > 0 ? fixed : null,
    Aliases: asked?.aliases ?? null,
    Links: asked?.links ?? null,
    GwPriority: asked?.gatewayPriority ?? 0,
    DriverOpts: asked?.driverOptions ?? null,
    MacAddress: asked?.mac ?? "",
  };
}

function encodeEndpoint(
  container: Container,
  endpoint: Endpoint,
  network: Network | undefined,
  running: boolean,
): ReturnType<typeof emptyEndpoint> {
  const asked = container.spec.network?.endpoints?.[network?.name ?? ""];
  const gatewayOf = (v6: boolean) =>
    network?.subnets.find((one) => one.gateway.includes(":") === v6)?.gateway.split("/")[0] ?? "";
  return {
    ...emptyEndpoint(endpoint.networkId),
    ...askedFor(asked),
    DNSNames: endpoint.names.length > 0 ? endpoint.names : null,
    ...(running
      ? {
          EndpointID: endpoint.id,
          MacAddress: endpoint.mac,
          Gateway: gatewayOf(false),
          IPAddress: endpoint.ipv4,
          IPPrefixLen: endpoint.ipv4PrefixLength,
          IPv6Gateway: endpoint.ipv6 === undefined ? "" : gatewayOf(true),
          GlobalIPv6Address: endpoint.ipv6 ?? "",
          GlobalIPv6PrefixLen: endpoint.ipv6PrefixLength ?? 0,
        }
      : {}),
  };
}

/** On networks of the user's, Aliases once had the container's short id and host name in them. */
function addOwnNames(container: Container, all: ReturnType<typeof encodeNetworks>): void {
  const own = [container.id.slice(0, 12), container.spec.hostname ?? container.id.slice(0, 12)];
  for (const [name, endpoint] of Object.entries(all)) {
    if (["bridge", "host", "none"].includes(name)) continue;
    endpoint.Aliases = [...new Set([...(endpoint.Aliases ?? []), ...own])];
  }
}

/** Docker publishes to "all" as two entries, one of each family. */
export function hostAddresses(mapping: PortMapping): readonly string[] {
  return mapping.hostIp === "" ? ["0.0.0.0", "::"] : [mapping.hostIp];
}

/** `80/tcp`, … of the ports that the image or the user exposes or publishes. */
export function portKeys(container: Container): string[] {
  const asked = [...(container.spec.network?.ports ?? []), ...container.publishedPorts];
  const keys = [
    ...Object.keys(container.process.ExposedPorts ?? {}).map((key) =>
      key.includes("/") ? key : `${key}/tcp`,
    ),
    ...(container.spec.exposedPorts ?? []),
    ...asked.map((port) => `${port.containerPort}/${port.protocol}`),
  ];
  return [...new Set(keys)].sort((a, b) => parseInt(a, 10) - parseInt(b, 10) || (a < b ? -1 : 1)); // prettier-ignore
}

/** `NetworkSettings` of docker inspect. */
export function encodeNetworkSettings(container: Container, networks: NetworkLookup, version: ApiVersion) {
  const { state } = container;
  const running = state.status === "running";
  const all = encodeNetworks(container, networks);
  if (holds(quirks.shortIdAliases, version)) addOwnNames(container, all);
  const ports: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  if (running) {
    for (const key of portKeys(container)) ports[key] = null;
    for (const mapping of container.publishedPorts) {
      const key = `${mapping.containerPort}/${mapping.protocol}`;
      const list = hostAddresses(mapping).map((ip) => ({ HostIp: ip, HostPort: String(mapping.hostPort) }));
      ports[key] = [...(ports[key] ?? []), ...list];
    }
  }
  return {
    ...(holds(quirks.deprecatedNetworkSettings, version) ? legacySettings(all["bridge"]) : {}),
    SandboxID: running ? container.id : "",
    SandboxKey: running ? `/proc/${state.pid}/ns/net` : "",
    Ports: ports,
    Networks: all,
  };
}

function legacySettings(bridge: ReturnType<typeof emptyEndpoint> | undefined) {
  return {
    Bridge: "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
  };
}
