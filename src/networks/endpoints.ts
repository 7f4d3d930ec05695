import { fail, newId } from "../base/index.ts";
import { macOf } from "./address.ts";
import { checkFixed, nextAddress } from "./ipam.ts";
import type { Endpoint, EndpointSpec, Network, Subnet } from "./network.ts";
import type { NetworkStore } from "./store.ts";

/** So many digits of an endpoint's id name its interface on the host. */
export const interfaceDigits = 8;

/** Gives a container its addresses on a network and writes them down. Synchronous, so that no two get the same. */
export function reserveEndpoint(store: NetworkStore, network: Network, spec: EndpointSpec): Endpoint {
  const ipv4 = network.subnets.find((one) => !one.subnet.includes(":"));
  if (network.driver !== "bridge" || !ipv4) {
    throw fail(
      "invalid",
      "network.no-endpoints",
      `container cannot be disconnected from ${network.name} network or connected to ${network.name} network`,
    );
  }
  checkNames(spec.names);
  checkRequest(network, spec);
  const existing = store.endpointsOf(network.id);
  if (existing.some(({ containerId }) => containerId === spec.containerId)) {
    throw fail(
      "conflict",
      "network.endpoint-exists",
      `endpoint with name ${spec.names[0] ?? spec.containerId} already exists in network ${network.name}`,
    );
  }
  const used = new Set(existing.flatMap((one) => [one.ipv4, ...(one.ipv6 === undefined ? [] : [one.ipv6])]));
  const last = store.lastAddresses(network.id);
  const address = spec.ipv4 ? checkFixed(ipv4, spec.ipv4, used) : nextAddress(ipv4, used, last.ipv4);
  const endpoint: Endpoint = {
    id: freeId(store),
    networkId: network.id,
    containerId: spec.containerId,
    mac: spec.mac?.toLowerCase() ?? macOf(address),
    ipv4: address,
    ipv4PrefixLength: lengthOf(ipv4),
    ...addressV6(network, spec, used, last.ipv6),
    names: [...new Set(spec.names)],
    ...(spec.servers && spec.servers.length > 0 ? { servers: [...spec.servers] } : {}),
    ...(spec.ipv4 ? { fixedIpv4: address } : {}),
  };
  store.addEndpoint(endpoint);
  return endpoint;
}

/** Names go into the DNS server's files, so they must be names. Throws `invalid` / `network.alias-invalid`. */
export function checkNames(names: readonly string[]): void {
  const wrong = names.find((name) => !/^[a-zA-Z0-9_.-]{1,253}$/.test(name));
  if (wrong === undefined) return;
  throw fail("invalid", "network.alias-invalid", `invalid network alias ${JSON.stringify(wrong)}`, {
    hint: "use letters, digits, '_', '.' and '-'",
  });
}

function checkRequest(network: Network, spec: EndpointSpec): void {
  if (network.builtin && (spec.ipv4 || spec.ipv6)) {
    throw fail(
      "invalid",
      "network.address-not-allowed",
      "user specified IP address is supported on user defined networks only",
      { hint: "make a network: virga network create --subnet 10.20.0.0/16 NAME" },
    );
  }
  if (spec.mac !== undefined && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(spec.mac)) {
    throw fail("invalid", "network.mac-invalid", `invalid MAC address ${spec.mac}`);
  }
  const server = spec.servers?.find((one) => !/^[0-9a-fA-F.:]+$/.test(one));
  if (server !== undefined) {
    throw fail("invalid", "network.dns-invalid", `invalid DNS server address ${server}`);
  }
}

function addressV6(
  network: Network,
  spec: EndpointSpec,
  used: ReadonlySet<string>,
  last: string | undefined,
) {
  const subnet = network.subnets.find((one) => one.subnet.includes(":"));
  if (!subnet) {
    if (spec.ipv6 === undefined) return {};
    throw fail(
      "invalid",
      "network.address-outside",
      `invalid endpoint settings: no configured subnet contains IP address ${spec.ipv6}`,
      { hint: "make the network with --ipv6" },
    );
  }
  const ipv6 = spec.ipv6 ? checkFixed(subnet, spec.ipv6, used) : nextAddress(subnet, used, last);
  return { ipv6, ipv6PrefixLength: lengthOf(subnet) };
}

function lengthOf(subnet: Subnet): number {
  return Number(subnet.subnet.split("/")[1]);
}

function freeId(store: NetworkStore): string {
  let id = newId();
  while (store.hasEndpointLike(id.slice(0, interfaceDigits))) id = newId();
  return id;
}
