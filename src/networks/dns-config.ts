import { isIPv4 } from "node:net";
import type { PrivateName } from "./network.ts";

/** One network as the DNS server sees it. */
export interface Zone {
  readonly networkId: string;
  readonly internal: boolean;
  /** IPv4 addresses of the bridge, on which the server listens. */
  readonly listen: readonly string[];
  readonly entries: readonly ZoneEntry[];
}

export interface ZoneEntry {
  readonly containerId: string;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** Servers that answer what is not a container's name, for this container; the host's when empty. */
  readonly servers: readonly string[];
}

/**
 * The file of a zone for aardvark-dns (containers/aardvark-dns, src/config/mod.rs): the addresses to listen on, then
 * a line a container with id, IPv4, IPv6, names and servers, one space between. A container that is in several files
 * resolves the names of all of them, whichever address it asks. From 1.11 on a file name's ending `%int` keeps an internal network
 * from asking servers outside.
 */
export function zoneFile(zone: Zone): { readonly name: string; readonly text: string } {
  const lines = zone.entries.map(({ containerId, addresses, names, servers }) => {
    const ipv4 = addresses.filter((address) => isIPv4(address)).join(",");
    const ipv6 = addresses.filter((address) => !isIPv4(address)).join(",");
    const fields = [containerId, ipv4, ipv6, names.join(",")];
    return (servers.length > 0 ? [...fields, servers.join(",")] : fields).join(" ");
  });
  return {
    name: zone.internal ? `${zone.networkId}%int` : zone.networkId,
    text: `${[zone.listen.join(","), ...lines.toSorted()].join("\n")}\n`,
  };
}

/**
 * Zones for names that one container alone has for others. It is in its zone without a name, so that its queries are
 * answered from there, too, and so are those it has names for; nobody sends a query to the address where the zone listens.
 */
export function privateZones(names: readonly PrivateName[], zones: readonly Zone[]): Zone[] {
  const known = names.flatMap((one) => {
    const zone = zones.find(({ networkId }) => networkId === one.networkId);
    const entryOf = (id: string) => zone?.entries.find(({ containerId }) => containerId === id);
    const [own, target] = [entryOf(one.containerId), entryOf(one.targetId)];
    return own && target ? [{ own, target: { ...target, names: [one.name] } }] : [];
  });
  return [...Map.groupBy(known, ({ own }) => own.containerId)].map(([id, links], index) => ({
    networkId: `links-${id.slice(0, 12)}`,
    internal: false,
    listen: [`127.83.${(index + 1) >> 8}.${(index + 1) & 255}`],
    entries: [{ ...links[0]!.own, names: [id.slice(0, 12)] }, ...links.map(({ target }) => target)],
  }));
}

/** Whether /proc/PID/net/udp has a socket on each of the addresses. */
export function listensOn(udpTable: string, addresses: readonly string[], port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  return addresses.every((address) => {
    const hex = Buffer.from(address.split(".").map(Number).reverse()).toString("hex").toUpperCase();
    return udpTable.includes(` ${hex}:${hexPort} 00000000:0000 `);
  });
}
