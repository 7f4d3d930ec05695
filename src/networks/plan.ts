import type { HostInterface } from "../host/index.ts";

/** What the host should have: the bridges of networks in use, and the links of running containers. */
export interface Wanted {
  readonly bridges: readonly {
    readonly networkId: string;
    readonly name: string;
    /** CIDR notation. */
    readonly addresses: readonly string[];
  }[];
  readonly links: readonly {
    readonly endpointId: string;
    readonly containerId: string;
    readonly hostName: string;
    readonly bridge: string;
  }[];
  /** Some network in use resolves names. */
  readonly names: boolean;
}

/** What it has. */
export interface Found {
  /** Interfaces that are this daemon's, by their prefix or as the bridge of one of its networks. */
  readonly interfaces: readonly HostInterface[];
}

export type Step =
  | { readonly kind: "delete-interfaces"; readonly names: readonly string[] }
  | { readonly kind: "raise-bridge"; readonly networkId: string }
  | { readonly kind: "join-bridge"; readonly hostName: string; readonly bridge: string }
  | { readonly kind: "plug"; readonly containerId: string; readonly endpointIds: readonly string[] }
  | { readonly kind: "replace-table" }
  | { readonly kind: "remove-table" }
  | { readonly kind: "serve-names" }
  | { readonly kind: "stop-names" };

/** The steps from what is to what should be, in an order in which each finds what it needs. Nothing here touches the host. */
export function plan(found: Found, wanted: Wanted): Step[] {
  const byName = new Map(found.interfaces.map((one) => [one.name, one]));
  const needed = new Set(
    [...wanted.bridges, ...wanted.links.map(({ hostName }) => ({ name: hostName }))].map(nameOf),
  );
  const leftovers = found.interfaces.map(nameOf).filter((name) => !needed.has(name));
  const raised = wanted.bridges.filter(({ name, addresses }) => {
    const bridge = byName.get(name);
    return !bridge?.up || !addresses.every((address) => bridge.addresses.includes(address));
  });
  const loose = wanted.links.filter(({ hostName, bridge }) => {
    const link = byName.get(hostName);
    return link !== undefined && (link.master !== bridge || !link.up);
  });
  const missing = Map.groupBy(
    wanted.links.filter(({ hostName }) => !byName.has(hostName)),
    ({ containerId }) => containerId,
  );
  return [
    ...(leftovers.length > 0 ? [{ kind: "delete-interfaces" as const, names: leftovers }] : []),
    ...raised.map(({ networkId }) => ({ kind: "raise-bridge" as const, networkId })),
    ...loose.map(({ hostName, bridge }) => ({ kind: "join-bridge" as const, hostName, bridge })),
    ...[...missing].map(([containerId, links]) => ({
      kind: "plug" as const,
      containerId,
      endpointIds: links.map(({ endpointId }) => endpointId),
    })),
    // The new table sends queries to the new server from its first moment on; until then the old ones do their work.
    { kind: wanted.names ? "serve-names" : "stop-names" },
    { kind: wanted.bridges.length > 0 ? "replace-table" : "remove-table" },
  ];
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
