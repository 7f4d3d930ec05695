import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { hostname as hostHostname } from "node:os";
import { fail, shortId } from "../../base/index.ts";
import type { Endpoint, Networks } from "../../networks/index.ts";
import type { Container, HostMount } from "../container.ts";
import { parseExtraHost } from "./extra-host.ts";
import { networkMode } from "./network-mode.ts";
import type { OciConfigInput } from "../oci/index.ts";

type Gateways = Pick<Networks, "resolve" | "list" | "resolvConf">;

/**
 * Writes /etc/hosts, /etc/hostname and /etc/resolv.conf of a container into its folder and returns the paths that are
 * to be mounted. `linked` are lines for the containers it is linked to. A path at which the user mounts something of their own is left out. The files are written in place
 * (never renamed), because a running container has them mounted.
 */
export async function writeEtcFiles(
  container: Container,
  networks: Gateways,
  linked: readonly string[] = [],
): Promise<OciConfigInput["etc"]> {
  const { folder } = container;
  const paths = {
    hosts: `${folder}/hosts`,
    hostname: `${folder}/hostname`,
    resolvConf: `${folder}/resolv.conf`,
  };
  await Promise.all([
    writeFile(paths.hosts, hostsFile(container, networks, linked), { mode: 0o644 }),
    writeFile(paths.hostname, `${hostnameOf(container)}\n`, { mode: 0o644 }),
    writeFile(paths.resolvConf, resolvConf(container, networks), { mode: 0o644 }),
  ]);
  return withoutMounted(container, paths);
}

/** After a network was connected or disconnected, or one that it is linked to came. */
export async function rewriteEtcFiles(
  container: Container,
  networks: Gateways,
  linked: readonly string[],
): Promise<void> {
  await writeEtcFiles(container, networks, linked);
}

/** The files of the container whose network namespace `container` shares. */
export function sharedEtcFiles(container: Container, owner: Container): OciConfigInput["etc"] {
  const { folder } = owner;
  return withoutMounted(container, {
    hosts: `${folder}/hosts`,
    hostname: `${folder}/hostname`,
    resolvConf: `${folder}/resolv.conf`,
  });
}

/** The files that the last start of a container wrote, as mounts, for who reads it while it is stopped. */
export function etcMounts(container: Container): HostMount[] {
  const paths = sharedEtcFiles(container, container);
  const targets = { hosts: "/etc/hosts", hostname: "/etc/hostname", resolvConf: "/etc/resolv.conf" } as const;
  return Object.entries(targets).flatMap(([file, target]) => {
    const source = paths[file as keyof typeof targets];
    if (source === undefined || !existsSync(source)) return [];
    return [{ type: "bind", source, target, readOnly: false, propagation: "rprivate", recursive: false }];
  });
}

export function hostnameOf(container: Container): string {
  const { hostname, network, namespaces } = container.spec;
  if (hostname !== undefined && hostname !== "") return hostname;
  if (network?.mode === "host" || namespaces?.uts === "host") return hostHostname();
  return shortId(container.id);
}

function withoutMounted(container: Container, paths: Required<OciConfigInput["etc"]>): OciConfigInput["etc"] {
  const own = new Set(container.mounts.map((mount) => mount.target));
  return {
    ...(own.has("/etc/hosts") ? {} : { hosts: paths.hosts }),
    ...(own.has("/etc/hostname") ? {} : { hostname: paths.hostname }),
    ...(own.has("/etc/resolv.conf") ? {} : { resolvConf: paths.resolvConf }),
  };
}

function resolvConf(container: Container, networks: Gateways): string {
  const { dns, dnsSearch, dnsOptions } = container.spec.network ?? {};
  return networks.resolvConf(container.endpoints, {
    ...(dns?.length ? { servers: dns } : {}),
    ...(dnsSearch?.length ? { search: dnsSearch } : {}),
    ...(dnsOptions?.length ? { options: dnsOptions } : {}),
  });
}

function hostsFile(container: Container, networks: Gateways, linked: readonly string[]): string {
  const hostname = hostnameOf(container);
  const { domainname } = container.spec;
  const names = domainname ? `${hostname}.${domainname} ${hostname}` : hostname;
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
    ...extraHosts(container, networks),
    ...linked,
    ...container.endpoints.flatMap((endpoint) => [
      `${endpoint.ipv4}\t${names}`,
      ...(endpoint.ipv6 === undefined ? [] : [`${endpoint.ipv6}\t${names}`]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function extraHosts(container: Container, networks: Gateways): string[] {
  return (container.spec.extraHosts ?? []).map((line) => {
    const { name, address } = parseExtraHost(line);
    return `${address === "host-gateway" ? hostGateway(container, networks) : address}\t${name}`;
  });
}

/** The address at which the host itself answers the container. */
function hostGateway(container: Container, networks: Gateways): string {
  if (networkMode(container.spec.network).kind === "host") return "127.0.0.1";
  const gateway =
    gatewayOf(container.endpoints[0], networks) ?? networks.resolve("bridge").subnets[0]?.gateway;
  if (gateway !== undefined) return gateway;
  throw fail(
    "invalid",
    "container.host-gateway",
    'unable to derive the IP value for "host-gateway": the container has no network with a gateway',
  );
}

function gatewayOf(endpoint: Endpoint | undefined, networks: Gateways): string | undefined {
  return endpoint && networks.resolve(endpoint.networkId).subnets[0]?.gateway;
}
