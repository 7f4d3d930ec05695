import type { Invocation } from "../../command.ts";
import { csv, wrong } from "../../values.ts";

interface Endpoint {
  Aliases?: string[];
  MacAddress?: string;
  DriverOpts?: Record<string, string>;
  GwPriority?: number;
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: readonly string[] };
}

/** Networks, published and exposed ports, /etc/hosts. */
export function networkBody(invocation: Invocation) {
  const networks = networksOf(invocation);
  const bindings = portBindings(invocation.texts("publish"));
  const exposed = [...Object.keys(bindings), ...invocation.texts("expose").flatMap(exposedPorts)];
  const hosts = invocation.texts("add-host").map(extraHost);
  const [first] = networks;
  const endpoints = networks.filter(
    ({ endpoint }) => networks.length > 1 || Object.keys(endpoint).length > 0,
  );
  return {
    ...(exposed.length > 0 ? { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) } : {}),
    ...(endpoints.length > 0
      ? {
          NetworkingConfig: {
            EndpointsConfig: Object.fromEntries(endpoints.map(({ name, endpoint }) => [name, endpoint])),
          },
        }
      : {}),
    HostConfig: {
      ...(first === undefined ? {} : { NetworkMode: first.name }),
      ...(Object.keys(bindings).length > 0 ? { PortBindings: bindings } : {}),
      ...(hosts.length > 0 ? { ExtraHosts: hosts } : {}),
    },
  };
}

/** The options without a network of their own (`--ip`, `--network-alias`) are about the first network. */
function networksOf(
  invocation: Invocation,
): readonly { readonly name: string; readonly endpoint: Endpoint }[] {
  const networks = invocation.texts("network").map(networkOf);
  const options = firstEndpoint(invocation);
  if (Object.keys(options).length === 0) return networks;
  const [first = { name: "default", endpoint: {} }, ...others] = networks;
  return [{ name: first.name, endpoint: { ...first.endpoint, ...options } }, ...others];
}

function firstEndpoint(invocation: Invocation): Endpoint {
  const aliases = invocation.texts("network-alias");
  const [ip, ip6, mac] = [invocation.text("ip"), invocation.text("ip6"), invocation.text("mac-address")];
  const local = invocation.texts("link-local-ip");
  const ipam = {
    ...(ip === undefined ? {} : { IPv4Address: ip }),
    ...(ip6 === undefined ? {} : { IPv6Address: ip6 }),
    ...(local.length > 0 ? { LinkLocalIPs: local } : {}),
  };
  return {
    ...(aliases.length > 0 ? { Aliases: [...aliases] } : {}),
    ...(Object.keys(ipam).length > 0 ? { IPAMConfig: ipam } : {}),
    ...(mac === undefined ? {} : { MacAddress: mac }),
  };
}

/** `front`, or `name=front,alias=web,ip=10.0.0.5`. */
function networkOf(text: string): { readonly name: string; readonly endpoint: Endpoint } {
  if (!/(^|,)name=/.test(text)) return { name: text, endpoint: {} };
  const endpoint: Endpoint = {};
  let name = "";
  for (const field of csv(text)) {
    const at = field.indexOf("=");
    const [key, value] = [field.slice(0, Math.max(0, at)), field.slice(at + 1)];
    if (key === "name") name = value;
    else if (key === "alias") (endpoint.Aliases ??= []).push(value);
    else if (key === "ip") (endpoint.IPAMConfig ??= {}).IPv4Address = value;
    else if (key === "ip6") (endpoint.IPAMConfig ??= {}).IPv6Address = value;
    else if (key === "mac-address") endpoint.MacAddress = value;
    else if (key === "gw-priority") endpoint.GwPriority = Number(value);
    else if (key === "driver-opt") {
      const cut = value.indexOf("=");
      (endpoint.DriverOpts ??= {})[value.slice(0, cut)] = value.slice(cut + 1);
    } else
      throw wrong("network", "name=, alias=, ip=, ip6=, mac-address=, gw-priority= and driver-opt=", text);
  }
  return { name, endpoint };
}

interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

/** Of `80`, `8080:80`, `127.0.0.1:8080:80/tcp`, `127.0.0.1::80`, `[::1]:80:80`, `8000-8005:80-85`, `8000-8010:80`. */
export function portBindings(texts: readonly string[]): Record<string, Binding[]> {
  const bindings: Record<string, Binding[]> = {};
  for (const text of texts) {
    const match =
      /^(?:(?:\[([0-9a-f:.%]+)\]|([^:[\]]*)):)?(?:([\d-]*):)?([\d-]+)(?:\/(tcp|udp|sctp))?$/i.exec(text);
    if (!match) throw wrong("publish", "[IP:][PORT:]PORT[/tcp|udp|sctp]", text);
    const [, ip6, other, middle, inside = "", protocol = "tcp"] = match;
    // With two parts the first is a port: `8080:80`. With three it is an address.
    const isAddress = middle !== undefined || ip6 !== undefined;
    const HostIp = ip6 ?? (isAddress ? (other ?? "") : "");
    const outside = isAddress ? (middle ?? "") : (other ?? "");
    const containerPorts = range(inside, text);
    const hostPorts = outside === "" ? [] : range(outside, text);
    const isRangeForOne = containerPorts.length === 1 && hostPorts.length > 1;
    if (hostPorts.length > 0 && !isRangeForOne && hostPorts.length !== containerPorts.length) {
      throw wrong("publish", "ranges of equal length", text);
    }
    containerPorts.forEach((port, at) => {
      const HostPort = isRangeForOne ? outside : String(hostPorts[at] ?? "");
      (bindings[`${port}/${protocol.toLowerCase()}`] ??= []).push({ HostIp, HostPort });
    });
  }
  return bindings;
}

function range(text: string, whole: string): readonly number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < 1 || last > 65_535 || last < first) {
    throw wrong("publish", "ports from 1 to 65535", whole);
  }
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function exposedPorts(text: string): readonly string[] {
  const [ports = "", protocol = "tcp"] = text.split("/");
  return range(ports, text).map((port) => `${port}/${protocol}`);
}

/** `NAME:IP` and `NAME=IP`; an IPv6 address may stand in brackets. */
function extraHost(text: string): string {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  if (!match) throw wrong("add-host", "NAME:IP", text);
  return `${match[1]}:${match[2]!.replace(/^\[(.*)\]$/, "$1")}`;
}
