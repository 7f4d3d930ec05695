import { KeyedLock, type Logger } from "../base/index.ts";
import { deleteInterfaces, interfaceExists } from "../host/index.ts";
import { raiseBridge } from "./bridge.ts";
import type { Firewall } from "./firewall.ts";
import type { Network } from "./network.ts";
import { bridgeOptions } from "./options.ts";
import type { FilteredBridge } from "./ruleset.ts";

/** The bridges on the host, with their part of the packet filter. A bridge is made when its first container starts. */
export interface Fabric {
  /** Makes the bridge unless it is there. */
  raise(network: Network): Promise<void>;
  /** Whether the bridge is there. */
  isUp(network: Network): boolean;
  /** Takes the bridge away. */
  lower(network: Network): Promise<void>;
  /** Makes or mends the bridge whatever is known of it; the packet filter is not touched. */
  repair(network: Network): Promise<void>;
  /** Notes that these bridges are there. */
  adopt(networks: readonly Network[]): void;
}

export function createFabric(firewall: Firewall, logger: Logger): Fabric {
  const raised = new Set<string>();
  const locks = new KeyedLock();
  return {
    async raise(network) {
      if (isUp(raised, network)) return;
      using _lock = await locks.acquire(network.id);
      if (isUp(raised, network)) return;
      const [bridge, filter] = await Promise.allSettled([
        raiseBridge(network, logger),
        firewall.addBridge(network.id, filteredBridge(network)),
      ]);
      const failed = [bridge, filter].find((one) => one.status === "rejected");
      if (failed) {
        await deleteInterfaces([network.bridge!]);
        if (filter.status === "fulfilled") await firewall.removeBridge(network.id);
        throw failed.reason as Error;
      }
      raised.add(network.id);
    },
    isUp: (network) => isUp(raised, network),
    async lower(network) {
      using _lock = await locks.acquire(network.id);
      if (network.bridge !== undefined) await deleteInterfaces([network.bridge]);
      if (raised.delete(network.id)) await firewall.removeBridge(network.id);
    },
    repair: (network) => raiseBridge(network, logger),
    adopt(networks) {
      raised.clear();
      for (const network of networks) raised.add(network.id);
    },
  };
}

/** Someone may have deleted the bridge by hand; looking costs microseconds. */
function isUp(raised: ReadonlySet<string>, network: Network): boolean {
  return raised.has(network.id) && interfaceExists(network.bridge!);
}

export function filteredBridge(network: Network): FilteredBridge {
  const options = bridgeOptions(network.options);
  return {
    name: network.bridge!,
    subnets: network.subnets.map((one) => one.subnet),
    internal: network.internal,
    interContainer: options.interContainer,
    masquerade: options.masquerade,
    names: resolvesNames(network),
  };
}

/** As with Docker, containers on the default bridge do not find each other by name. */
export function resolvesNames(network: Network): boolean {
  return network.driver === "bridge" && !network.builtin;
}
