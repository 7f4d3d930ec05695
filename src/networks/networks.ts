import { fail, type Clock, type Logger } from "../base/index.ts";
import type { Events } from "../events/index.ts";
import { deleteInterfaces, type DaemonIdentity, type ThreadNamespaces } from "../host/index.ts";
import type { State } from "../state/index.ts";
import { Attachments } from "./attachments.ts";
import { createNameServer, type NameServer } from "./dns.ts";
import { checkNames, reserveEndpoint } from "./endpoints.ts";
import { createFabric, resolvesNames, type Fabric } from "./fabric.ts";
import { createFirewall, type Firewall } from "./firewall.ts";
import type { Endpoint, EndpointSpec, Network, Networks, PortMapping, PrivateName } from "./network.ts";
import { bridgeOptions } from "./options.ts";
import { createPools, type Pools } from "./pools.ts";
import { createPortTable, type PortTable } from "./ports.ts";
import { ownInterfaces, reconcile } from "./reconcile.ts";
import { openRegistry, type Registry } from "./registry.ts";
import { containerSettings, formatResolvConf, type ResolverFiles } from "./resolv-conf.ts";
import { createNetworkStore, type NetworkStore } from "./store.ts";

export interface NetworksDependencies {
  readonly identity: DaemonIdentity;
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespaces: ThreadNamespaces;
  /** Where daemons on this machine tell each other their subnets; `/run/lock/virga-networks` by default. */
  readonly poolsDirectory?: string;
  /** Path of aardvark-dns. */
  readonly nameServerProgram?: string;
  readonly resolverFiles?: ResolverFiles;
  /** Asked when names change. */
  readonly privateNames?: () => readonly PrivateName[];
}

interface Parts extends NetworksDependencies {
  readonly store: NetworkStore;
  readonly pools: Pools;
  readonly registry: Registry;
  readonly firewall: Firewall;
  readonly names: NameServer;
  readonly fabric: Fabric;
  readonly ports: PortTable;
  readonly attachments: Attachments;
  /** Ids of networks whose removal is under way. */
  readonly removing: Set<string>;
}

const systemResolverFiles: ResolverFiles = {
  host: "/etc/resolv.conf",
  resolved: "/run/systemd/resolve/resolv.conf",
};

/**
 * The networks of one daemon. Makes the predefined ones at the first start; nothing is on the host before the first container is
 * attached or `reconcile` finds running ones.
 */
export async function createNetworks(dependencies: NetworksDependencies): Promise<Networks> {
  const parts = await assemble(dependencies);
  const { store, registry, attachments, firewall, ports, pools, names, identity } = parts;
  return {
    async create(spec) {
      const network = await registry.create(spec);
      emit(parts, "create", network);
      return network;
    },
    resolve: (nameOrId) => registry.resolve(nameOrId),
    list: () => registry.list(),
    endpointsOf: (networkId) => store.endpointsOf(networkId),
    remove: (nameOrId) => removeNetwork(parts, registry.resolve(nameOrId)),
    prune: (keep) => prune(parts, keep),
    prunable: (keep, without) => prunable(parts, keep, without),
    reserve: (spec) => reserve(parts, spec),
    async release(endpointId) {
      if (attachments.has(endpointId)) {
        throw fail("conflict", "network.endpoint-in-use", "the endpoint belongs to a running container");
      }
      store.removeEndpoint(endpointId);
    },
    async rename(endpointId, newNames) {
      checkNames(newNames);
      const endpoint = store.endpoint(endpointId);
      if (!endpoint)
        throw fail("not-found", "network.endpoint-not-found", `endpoint ${endpointId} not found`);
      store.setNames(endpointId, [...new Set(newNames)]);
      const renamed = { ...endpoint, names: [...new Set(newNames)] };
      await attachments.rename(renamed);
      return renamed;
    },
    attach(sandbox, endpoints, { order } = {}) {
      for (const { networkId } of endpoints) refuseRemoved(parts, networkId);
      return attachments.attach(sandbox, endpoints, order);
    },
    detach: (sandbox, endpoints) => attachments.detach(sandbox, endpoints),
    publish: (containerId, endpoint, mappings) => publish(parts, containerId, endpoint, mappings),
    async unpublish(containerId) {
      firewall.removePorts(containerId);
      ports.give(containerId);
    },
    resolvConf(endpoints, overrides) {
      const files = parts.resolverFiles ?? systemResolverFiles;
      return formatResolvConf(containerSettings(files, place(parts, endpoints), overrides));
    },
    reconcile: (sandboxes) => reconcile(parts, sandboxes),
    async close({ keep }) {
      await attachments.settle();
      await names.stop({ keep });
      await firewall.settle();
      ports.close();
      if (keep) return;
      const own = await ownInterfaces(identity, registry.list());
      await deleteInterfaces(own.map(({ name }) => name));
      await firewall.clear();
      pools.forget();
    },
  };
}

async function assemble(dependencies: NetworksDependencies): Promise<Parts> {
  const { identity, state, clock, logger } = dependencies;
  const store = createNetworkStore(state);
  const pools = createPools(identity, dependencies.poolsDirectory ?? "/run/lock/virga-networks", clock);
  const registry = await openRegistry({ identity, store, pools, clock, logger });
  const firewall = createFirewall(identity.nftTable, logger);
  const names = createNameServer({
    directory: identity.path("networks", "dns"),
    clock,
    logger,
    program: dependencies.nameServerProgram,
    redirect: (port) => firewall.setDnsPort(port),
  });
  const fabric = createFabric(firewall, logger);
  const attachments = new Attachments({ ...dependencies, registry, fabric, names });
  const ports = createPortTable(logger);
  const removing = new Set<string>();
  return { ...dependencies, store, pools, registry, firewall, names, fabric, attachments, ports, removing };
}

async function removeNetwork(parts: Parts, network: Network): Promise<void> {
  const { registry, attachments, fabric, names, removing, logger } = parts;
  if (network.builtin) {
    throw fail(
      "permission",
      "network.predefined",
      `${network.name} is a pre-defined network and cannot be removed`,
    );
  }
  refuseRemoved(parts, network.id);
  if (attachments.onNetwork(network.id).length > 0) {
    throw fail(
      "conflict",
      "network.in-use",
      `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
      {
        hint: `stop its containers, or take them off it: virga network disconnect ${network.name} CONTAINER`,
      },
    );
  }
  removing.add(network.id);
  try {
    // A DNS server that is being started may be about to listen on the bridge.
    if (resolvesNames(network) && fabric.isUp(network)) {
      await names.serve(attachments.zones()).catch((error: unknown) => {
        logger.warn("names of a removed network could not be taken back", { network: network.name, error });
      });
    }
    await fabric.lower(network);
    registry.remove(network.id);
  } finally {
    removing.delete(network.id);
  }
  emit(parts, "destroy", network);
}

function prunable(
  { registry, store }: Parts,
  keep: (network: Network) => boolean = () => false,
  without: ReadonlySet<string> = new Set(),
): Network[] {
  const isUsed = ({ id }: Network) => store.endpointsOf(id).some((one) => !without.has(one.containerId));
  return registry.list().filter((network) => !network.builtin && !isUsed(network) && !keep(network));
}

async function prune(parts: Parts, keep?: (network: Network) => boolean): Promise<string[]> {
  const removed: string[] = [];
  for (const network of prunable(parts, keep)) {
    // Somebody may have come to it while another one was removed.
    if (parts.store.endpointsOf(network.id).length > 0) continue;
    await removeNetwork(parts, network);
    removed.push(network.name);
  }
  parts.events.emit("network", "prune", "", { reclaimed: "0" });
  return removed;
}

async function reserve(parts: Parts, spec: EndpointSpec): Promise<Endpoint> {
  refuseRemoved(parts, spec.networkId);
  return reserveEndpoint(parts.store, parts.registry.get(spec.networkId), spec);
}

async function publish(
  { registry, firewall, ports, logger }: Parts,
  containerId: string,
  endpoint: Endpoint,
  mappings: readonly PortMapping[],
): Promise<readonly PortMapping[]> {
  if (mappings.length === 0) return [];
  const network = registry.get(endpoint.networkId);
  if (network.internal) {
    logger.warn("ports are not published: the container has only internal networks", { containerId });
    return [];
  }
  const taken = ports.take(containerId, endpoint, mappings, bridgeOptions(network.options).hostBinding);
  try {
    await firewall.addPorts(containerId, taken);
  } catch (error) {
    ports.give(containerId);
    throw error;
  }
  return taken.map(({ mapping }) => mapping);
}

/** Which servers a container asks: a network's own, or the host's as seen from a bridge or from the host itself. */
function place({ registry }: Parts, endpoints: readonly Endpoint[]) {
  const networks = endpoints.map(({ networkId }) => registry.get(networkId));
  const named = networks.find(resolvesNames);
  const server = named?.subnets.find(({ gateway }) => !gateway.includes(":"))?.gateway;
  if (server !== undefined) return { kind: "named", server } as const;
  return { kind: networks.length > 0 ? "bridge" : "host" } as const;
}

function refuseRemoved({ removing }: Parts, networkId: string): void {
  if (!removing.has(networkId)) return;
  throw fail("not-found", "network.not-found", `network ${networkId} not found`);
}

function emit({ events }: Parts, action: "create" | "destroy", network: Network): void {
  events.emit("network", action, network.id, { name: network.name, type: network.driver });
}
