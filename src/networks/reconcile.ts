import type { Logger } from "../base/index.ts";
import {
  deleteInterfaces,
  ipBatch,
  listInterfaces,
  nftTableExists,
  type DaemonIdentity,
} from "../host/index.ts";
import type { Attachments } from "./attachments.ts";
import type { NameServer } from "./dns.ts";
import { filteredBridge, resolvesNames, type Fabric } from "./fabric.ts";
import type { Firewall } from "./firewall.ts";
import type { Network, RunningSandboxes } from "./network.ts";
import { bridgeOptions } from "./options.ts";
import { plan, type Step, type Wanted } from "./plan.ts";
import type { Published, PortTable } from "./ports.ts";
import type { Registry } from "./registry.ts";

export interface ReconcileDependencies {
  readonly identity: DaemonIdentity;
  readonly registry: Registry;
  readonly attachments: Attachments;
  readonly fabric: Fabric;
  readonly firewall: Firewall;
  readonly names: NameServer;
  readonly ports: PortTable;
  readonly logger: Logger;
}

/** Makes the host agree with what runs. A step that fails is told in the log and the others still go on. */
export async function reconcile(
  dependencies: ReconcileDependencies,
  sandboxes: RunningSandboxes,
): Promise<void> {
  const { identity, registry, attachments, fabric, ports, logger } = dependencies;
  const published = new Map<string, readonly Published[]>();
  for (const { sandbox, endpoints, ports: mappings } of sandboxes.running()) {
    attachments.adopt(sandbox, endpoints);
    const first = endpoints.find(({ endpoint }) => !isInternal(registry, endpoint.networkId))?.endpoint;
    if (!first || mappings.length === 0) continue;
    published.set(sandbox.containerId, ports.restore(sandbox.containerId, first, mappings));
  }
  const used = new Set(attachments.all().map(({ endpoint }) => endpoint.networkId));
  const networks = registry.list().filter(({ id }) => used.has(id));
  const found = { interfaces: await ownInterfaces(identity, registry.list()) };
  fabric.adopt(networks);
  for (const step of plan(found, wantedOf(networks, attachments))) {
    try {
      await execute(dependencies, step, networks, published);
    } catch (error) {
      logger.error("a step of bringing the networks back failed", { step, error });
    }
  }
}

function wantedOf(networks: readonly Network[], attachments: Attachments): Wanted {
  const bridgeOf = new Map(networks.map((network) => [network.id, network.bridge!]));
  return {
    bridges: networks.map((network) => ({
      networkId: network.id,
      name: network.bridge!,
      addresses: network.subnets.map((one) => `${one.gateway}/${one.subnet.split("/")[1]}`),
    })),
    links: attachments.all().map(({ endpoint, sandbox }) => ({
      endpointId: endpoint.id,
      containerId: sandbox.containerId,
      hostName: attachments.hostName(endpoint),
      bridge: bridgeOf.get(endpoint.networkId)!,
    })),
    names: networks.some(resolvesNames),
  };
}

async function execute(
  { identity, registry, attachments, fabric, firewall, names }: ReconcileDependencies,
  step: Step,
  networks: readonly Network[],
  published: ReadonlyMap<string, readonly Published[]>,
): Promise<void> {
  switch (step.kind) {
    case "delete-interfaces":
      return await deleteInterfaces(step.names);
    case "raise-bridge":
      return await fabric.repair(registry.get(step.networkId));
    case "join-bridge": {
      const network = networks.find(({ bridge }) => bridge === step.bridge);
      const isolated = network && !bridgeOptions(network.options).interContainer ? "on" : "off";
      return await ipBatch([
        `link set ${step.hostName} master ${step.bridge} up`,
        `link set ${step.hostName} type bridge_slave hairpin on isolated ${isolated}`,
      ]);
    }
    case "plug":
      return await attachments.restore(step.containerId, step.endpointIds);
    case "replace-table":
      return await firewall.replace(new Map(networks.map((one) => [one.id, filteredBridge(one)])), published);
    case "remove-table":
      return (await nftTableExists("inet", identity.nftTable)) ? await firewall.clear() : undefined;
    case "serve-names":
      return await names.serve(attachments.zones());
    case "stop-names":
      return await names.serve([]);
  }
}

/** By their prefix, and the bridges of this daemon's networks whose names a user chose. */
export async function ownInterfaces(identity: DaemonIdentity, networks: readonly Network[]) {
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  return (await listInterfaces()).filter(
    ({ name, kind }) => name.startsWith(identity.interfacePrefix) || (kind === "bridge" && bridges.has(name)),
  );
}

function isInternal(registry: Registry, networkId: string): boolean {
  return registry.list().some((network) => network.id === networkId && network.internal);
}
