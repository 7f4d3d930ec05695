import { isIPv4 } from "node:net";

/** A bridge as the packet filter sees it. */
export interface FilteredBridge {
  readonly name: string;
  /** CIDR notation. */
  readonly subnets: readonly string[];
  /** No way in or out. */
  readonly internal: boolean;
  /** Its containers may talk to each other. */
  readonly interContainer: boolean;
  readonly masquerade: boolean;
  /** Queries to port 53 of the bridge's address go to the DNS server. */
  readonly names: boolean;
}

/** A port of the host that leads to a container. */
export interface FilteredPort {
  readonly protocol: "tcp" | "udp";
  /** `0.0.0.0` and `::` mean every address of the family. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly address: string;
  readonly containerPort: number;
}

export interface FilterState {
  readonly bridges: readonly FilteredBridge[];
  readonly ports: readonly FilteredPort[];
  /** The ports on the bridges' addresses where DNS servers listen, at most `dnsSlots`; the last one gets the queries. */
  readonly dnsPorts: readonly number[];
}

/**
 * A new DNS server takes the place of one before by an element in a map that is asked earlier. Replacing an element
 * would mean to remove one, for which the kernel takes more than 10 ms; adding takes it 1 ms.
 */
export const dnsSlots = 16;
const dnsMaps = Array.from({ length: dnsSlots }, (_, slot) => `dns${slot}`);

/**
 * The table's rules. They never change: what changes are the elements of its sets and maps.
 *
 * - guard: a container can't reach the host's loopback, which route_localnet would otherwise allow.
 * - names: queries go to the newest DNS server, answers come from port 53. No connection is tracked for that: it would
 *   lead a query from a port that was used before to the server of then.
 * - publish: a port of the host leads to a container, from outside, from containers and from the host itself.
 * - forwarding: nothing reaches a container from outside its bridge but published ports and replies.
 * - leaving: the host's address replaces the container's when a packet leaves for another network, and wherever the
 *   reply would otherwise not come back through the host (a container reaches its own or a neighbour's published
 *   port; the host comes from 127.0.0.1).
 */
const rules = `
  set bridges { type ifname; }
  set internal { type ifname; }
  set named { type ifname; }
  set local { type ifname . ifname; }
  set subnets4 { type ipv4_addr; flags interval; }
  set subnets6 { type ipv6_addr; flags interval; }
  set masqueraded4 { type ipv4_addr; flags interval; }
  set masqueraded6 { type ipv6_addr; flags interval; }
  map ports4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map ports4any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map ports6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map ports6any { type inet_proto . inet_service : ipv6_addr . inet_service; }
  ${dnsMaps.map((map) => `map ${map} { type inet_service : inet_service; }`).join("\n  ")}
  set dnsports { type inet_service; }
  chain guard {
    type filter hook prerouting priority -300; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @named udp dport 53 fib daddr type local jump names
  }
  chain names {
    notrack
    ${dnsMaps.map((map) => `udp dport set udp dport map @${map}`).join("\n    ")}
  }
  chain answers {
    type filter hook output priority -300; policy accept;
    oifname @named udp sport @dnsports notrack udp sport set 53
  }
  chain publish4 {
    dnat ip to meta l4proto . ip daddr . th dport map @ports4
    dnat ip to meta l4proto . th dport map @ports4any
  }
  chain publish6 {
    ip6 daddr ::1 return
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @ports6
    dnat ip6 to meta l4proto . th dport map @ports6any
  }
  chain arriving {
    type nat hook prerouting priority -100; policy accept;
    meta nfproto ipv4 fib daddr type local meta l4proto { tcp, udp } jump publish4
    meta nfproto ipv6 fib daddr type local meta l4proto { tcp, udp } jump publish6
  }
  chain sent {
    type nat hook output priority -100; policy accept;
    meta nfproto ipv4 fib daddr type local meta l4proto { tcp, udp } jump publish4
    meta nfproto ipv6 fib daddr type local meta l4proto { tcp, udp } jump publish6
  }
  chain forwarding {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @local accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    oifname @bridges ct status dnat accept
    oifname @bridges drop
  }
  chain leaving {
    type nat hook postrouting priority 100; policy accept;
    ct status dnat ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ct status dnat ip saddr @subnets4 masquerade
    ct status dnat ip6 saddr @subnets6 masquerade
    ip saddr @masqueraded4 oifname != @bridges masquerade
    ip6 saddr @masqueraded6 oifname != @bridges masquerade
  }
`;

/** The elements of a state, each as `set { element }`. */
export function elementsOf(state: FilterState): Set<string> {
  const elements = new Set<string>();
  const add = (set: string, element: string) => elements.add(`${set} { ${element} }`);
  for (const bridge of state.bridges) {
    const name = `"${bridge.name}"`;
    add("bridges", name);
    if (bridge.internal) add("internal", name);
    if (bridge.names) add("named", name);
    if (bridge.interContainer) add("local", `${name} . ${name}`);
    for (const subnet of bridge.subnets) {
      const family = subnet.includes(":") ? 6 : 4;
      add(`subnets${family}`, subnet);
      if (bridge.masquerade && !bridge.internal) add(`masqueraded${family}`, subnet);
    }
  }
  for (const port of state.ports) add(...portElement(port));
  state.dnsPorts.forEach((port, i) => {
    add(dnsMaps[dnsSlots - 1 - i]!, `53 : ${port}`);
    add("dnsports", String(port));
  });
  return elements;
}

function portElement(port: FilteredPort): [string, string] {
  const family = isIPv4(port.address) ? 4 : 6;
  const any = port.hostIp === (family === 4 ? "0.0.0.0" : "::");
  const key = [port.protocol, ...(any ? [] : [port.hostIp]), port.hostPort].join(" . ");
  return [`ports${family}${any ? "any" : ""}`, `${key} : ${port.address} . ${port.containerPort}`];
}

/** A script that makes the table new, whatever was there, in one transaction. */
export function wholeTable(table: string, elements: ReadonlySet<string>): string {
  return [
    noTable(table),
    `table inet ${table} {${rules}}`,
    ...[...elements].map((element) => `add element inet ${table} ${element}`),
  ].join("\n");
}

/** A script that removes the table, also when it is not there. */
export function noTable(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}`;
}

/** A script that leads from one set of elements to another; empty when they are the same. */
export function difference(table: string, from: ReadonlySet<string>, to: ReadonlySet<string>): string {
  return [
    ...[...from.difference(to)].map((element) => `delete element inet ${table} ${element}`),
    ...[...to.difference(from)].map((element) => `add element inet ${table} ${element}`),
  ].join("\n");
}
