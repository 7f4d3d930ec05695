import { statSync } from "node:fs";
import { fail } from "../base/index.ts";
import {
  deleteInterfaces,
  interfaceExists,
  ipBatch,
  writeSysctl,
  type ThreadNamespaces,
} from "../host/index.ts";
import type { Sandbox } from "./network.ts";

/** One veth pair between a bridge and a container, with all that goes on its inner end. */
export interface Link {
  /** The end on the host. */
  readonly hostName: string;
  /** The end in the container. */
  readonly interfaceName: string;
  readonly bridge: string;
  readonly mtu: number;
  readonly mac: string;
  /** May not talk to other ports of the bridge. */
  readonly isolated: boolean;
  /** CIDR notation. */
  readonly addresses: readonly string[];
}

/** Plugs links into a sandbox; undone as a whole on failure. Two child processes in all. */
export async function plug(
  namespaces: ThreadNamespaces,
  sandbox: Sandbox,
  links: readonly Link[],
  gateways: readonly string[],
): Promise<void> {
  await deleteInterfaces(links.map((link) => link.hostName));
  try {
    await ipBatch(links.flatMap((link) => hostLines(sandbox.pid, link)));
    const path = namespaceOf(sandbox);
    namespaces.inNetwork(path, () => links.forEach(setIpv6));
    await ipBatch(["link set lo up", ...links.flatMap(innerLines), ...gateways.map(routeLine)], {
      inside: { namespaces, path },
    });
  } catch (error) {
    await deleteInterfaces(links.map((link) => link.hostName));
    if (namespaceIdentity(sandbox) === undefined) throw sandboxGone(sandbox, error);
    throw error;
  }
}

export async function unplug(hostNames: readonly string[]): Promise<void> {
  await deleteInterfaces(hostNames);
}

/** Makes these the default gateways of a sandbox that lives. */
export async function setGateways(
  namespaces: ThreadNamespaces,
  sandbox: Sandbox,
  gateways: readonly string[],
): Promise<void> {
  await ipBatch(gateways.map(routeLine), { inside: { namespaces, path: namespaceOf(sandbox) } });
}

/** Whether the sandbox's namespace has the interface. */
export function hasInterface(namespaces: ThreadNamespaces, sandbox: Sandbox, name: string): boolean {
  return namespaces.inNetwork(namespaceOf(sandbox), () => interfaceExists(name));
}

/** Tells a network namespace from every other that exists now; undefined when the process has ended. */
export function namespaceIdentity(sandbox: Sandbox): number | undefined {
  try {
    return statSync(namespaceOf(sandbox)).ino;
  } catch {
    return undefined;
  }
}

function namespaceOf(sandbox: Sandbox): string {
  return `/proc/${sandbox.pid}/ns/net`;
}

function hostLines(pid: number, link: Link): string[] {
  const { hostName, interfaceName, bridge, mtu, mac, isolated } = link;
  return [
    `link add ${hostName} mtu ${mtu} master ${bridge} type veth peer name ${interfaceName} address ${mac} mtu ${mtu} netns ${pid}`,
    // With br_netfilter, a container reaches its own published port only when its frame may go back where it came from.
    `link set ${hostName} type bridge_slave hairpin on isolated ${isolated ? "on" : "off"}`,
    `link set ${hostName} addrgenmode none up`,
  ];
}

function setIpv6({ interfaceName, addresses }: Link): void {
  const wanted = addresses.some((address) => address.includes(":"));
  writeSysctl(`net/ipv6/conf/${interfaceName}/disable_ipv6`, wanted ? "0" : "1");
  writeSysctl(`net/ipv6/conf/${interfaceName}/accept_ra`, "0");
}

function innerLines({ interfaceName, addresses }: Link): string[] {
  return [
    ...addresses.map((address) =>
      address.includes(":")
        ? `addr add ${address} dev ${interfaceName} nodad`
        : `addr add ${address} brd + dev ${interfaceName}`,
    ),
    `link set ${interfaceName} up`,
  ];
}

function routeLine(gateway: string): string {
  return `route replace default via ${gateway}`;
}

function sandboxGone(sandbox: Sandbox, cause: unknown): Error {
  return fail(
    "conflict",
    "network.sandbox-gone",
    `container ${sandbox.containerId} ended while its network was being set up`,
    { cause },
  );
}
