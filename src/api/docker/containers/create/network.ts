import { isIP } from "node:net";
import { fail } from "../../../../base/index.ts";
import type { EndpointSettings, NetworkingSpec } from "../../../../containers/index.ts";
import type { PortMapping } from "../../../../networks/index.ts";
import { defined, filled, nonZero, whenTrue } from "../../http/defined.ts";
import { checkFields } from "../../http/fields.ts";
import type { CreateBody, EndpointBody, HostConfigBody } from "./body.ts";
import { endpointFields } from "./fields.ts";

/** `default` is an old client's word for the default bridge. */
function networkName(name: string): string {
  return name === "default" ? "bridge" : name;
}

/** Throws `invalid`, `unimplemented` by field. */
export function decodeNetworking(config: CreateBody, host: HostConfigBody): NetworkingSpec {
  const given = Object.entries(config.NetworkingConfig?.EndpointsConfig ?? {}).map(
    ([name, endpoint]) =>
      [networkName(name), decodeEndpoint(endpoint ?? {}, `EndpointsConfig.${name}.`)] as const,
  );
  const asked = networkName(filled(host.NetworkMode) ?? "default");
  // As dockerd: without a mode of its own, a container is on the networks whose settings were given.
  const fallback =
    asked === "bridge" && !given.some(([name]) => name === "bridge") ? given[0]?.[0] : undefined;
  const mode = config.NetworkDisabled === true ? "none" : (fallback ?? asked);
  const ports = decodePorts(host.PortBindings ?? {});
  const endpoints = given.filter(([, settings]) => Object.keys(settings).length > 0 || given.length > 1);
  return defined({
    mode,
    endpoints: filled(Object.fromEntries(endpoints)),
    ports: filled(ports),
    publishAll: whenTrue(host.PublishAllPorts),
    macAddress: filled(config.MacAddress),
    dns: filled(host.Dns),
    dnsSearch: filled(host.DnsSearch),
    dnsOptions: filled(host.DnsOptions),
    links: filled(host.Links),
  });
}

/** Settings of one network of a container. `at` names the place of the field in errors. */
export function decodeEndpoint(endpoint: EndpointBody, at: string): EndpointSettings {
  checkFields(endpoint, endpointFields, at);
  return defined({
    aliases: filled(endpoint.Aliases),
    ipv4: filled(endpoint.IPAMConfig?.IPv4Address),
    ipv6: filled(endpoint.IPAMConfig?.IPv6Address),
    mac: filled(endpoint.MacAddress),
    linkLocal: filled(endpoint.IPAMConfig?.LinkLocalIPs),
    links: filled(endpoint.Links),
    driverOptions: filled(endpoint.DriverOpts),
    gatewayPriority: nonZero(endpoint.GwPriority),
  });
}

function decodePorts(bindings: NonNullable<HostConfigBody["PortBindings"]>): PortMapping[] {
  return Object.entries(bindings).flatMap(([key, targets]) => {
    const { port, protocol } = parsePort(key);
    return (filled(targets) ?? [{ HostIp: "", HostPort: "" }]).map((target) => ({
      protocol,
      containerPort: port,
      hostIp: hostIp(target.HostIp ?? ""),
      ...hostPorts(target.HostPort ?? ""),
    }));
  });
}

/** `80/tcp`, `53/udp`, `80`. Throws `invalid`. */
export function parsePort(text: string): {
  readonly port: number;
  readonly protocol: PortMapping["protocol"];
} {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const port = Number(match?.[1]);
  if (!match || port < 1 || port > 65535) {
    throw fail("invalid", "port.invalid", `invalid port specification: "${text}"`);
  }
  return { port, protocol: (match[2]?.toLowerCase() ?? "tcp") as PortMapping["protocol"] };
}

function hostIp(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, "$1");
  if (address !== "" && isIP(address) === 0) {
    throw fail("invalid", "port.invalid", `invalid IP address: ${text}`);
  }
  return address;
}

/** `8080`, or `8000-8010` for the first of them that is free. */
function hostPorts(text: string): Pick<PortMapping, "hostPort" | "hostPortEnd"> {
  if (text === "") return { hostPort: 0 };
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || last > 65535 || last < first) {
    throw fail("invalid", "port.invalid", `invalid host port: "${text}"`);
  }
  return last === first ? { hostPort: first } : { hostPort: first, hostPortEnd: last };
}
