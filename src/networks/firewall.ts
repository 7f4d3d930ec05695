import type { Logger } from "../base/index.ts";
import { nftApply, nftBaseChains } from "../host/index.ts";
import { createFlows } from "./conntrack.ts";
import { coalesce } from "./coalesce.ts";
import {
  difference,
  dnsSlots,
  elementsOf,
  noTable,
  wholeTable,
  type FilteredBridge,
  type FilteredPort,
} from "./ruleset.ts";

export interface Firewall {
  /** The table is made with the first bridge. A promise resolves when the kernel has it; when it refuses, all is as before. */
  addBridge(networkId: string, bridge: FilteredBridge): Promise<void>;
  removeBridge(networkId: string): Promise<void>;
  addPorts(containerId: string, ports: readonly FilteredPort[]): Promise<void>;
  /**
   * Returns at once: the kernel takes a grace period for every removal, and nobody need wait for it. Flows of datagrams
   * are forgotten then, so that they find whoever has the port next.
   */
  removePorts(containerId: string): void;
  /** The port where the DNS server listens from now on. */
  setDnsPort(port: number | undefined): Promise<void>;
  /** Forgets what it believes of the kernel and makes the table anew with these bridges and ports. */
  replace(
    bridges: ReadonlyMap<string, FilteredBridge>,
    ports: ReadonlyMap<string, readonly FilteredPort[]>,
  ): Promise<void>;
  /** Waits for changes under way. */
  settle(): Promise<void>;
  /** Takes the table away. */
  clear(): Promise<void>;
}

/**
 * Keeps the daemon's nftables table as the memory of this object says. Changes that come while nft runs go together
 * in its next run. When a change does not apply (someone flushed the ruleset), the whole table is made anew.
 */
export function createFirewall(name: string, logger: Logger): Firewall {
  const bridges = new Map<string, FilteredBridge>();
  const ports = new Map<string, readonly FilteredPort[]>();
  let dnsPorts: readonly number[] = [];
  const table = createTable(name, logger);
  const changes = coalesce(() => {
    const state = { bridges: [...bridges.values()], ports: [...ports.values()].flat() };
    return table.bring(elementsOf({ ...state, dnsPorts }));
  });
  const flows = createFlows(logger);
  const change = <K, V>(map: Map<K, V>, key: K, value: V | undefined) =>
    putAndApply(map, key, value, () => changes.run());

  return {
    addBridge: (networkId, bridge) => change(bridges, networkId, bridge),
    removeBridge: (networkId) => change(bridges, networkId, undefined),
    async addPorts(containerId, added) {
      await change(ports, containerId, [...(ports.get(containerId) ?? []), ...added]);
      await flows.forget(added);
    },
    removePorts(containerId) {
      const gone = ports.get(containerId);
      if (gone === undefined) return;
      ports.delete(containerId);
      changes.run().then(
        () => flows.forget(gone),
        (error: unknown) => {
          const message = "published ports stay in the packet filter until its next change";
          logger.warn(message, { containerId, error });
        },
      );
    },
    async setDnsPort(port) {
      const kept = dnsPorts.length < dnsSlots ? dnsPorts : [];
      dnsPorts = port === undefined ? [] : [...kept, port];
      if (bridges.size > 0) await changes.run();
    },
    async replace(nextBridges, nextPorts) {
      bridges.clear();
      ports.clear();
      for (const [id, bridge] of nextBridges) bridges.set(id, bridge);
      for (const [id, list] of nextPorts) ports.set(id, list);
      table.forget();
      await changes.run();
    },
    async settle() {
      await changes.idle();
      await flows.settle();
    },
    async clear() {
      bridges.clear();
      ports.clear();
      dnsPorts = [];
      await changes.idle();
      await flows.settle();
      await table.remove();
    },
  };
}

/** The table in the kernel, and what was last written there. */
function createTable(name: string, logger: Logger) {
  let applied: ReadonlySet<string> | undefined;
  return {
    async bring(wanted: ReadonlySet<string>): Promise<void> {
      const script = applied ? difference(name, applied, wanted) : wholeTable(name, wanted);
      if (script === "") return;
      try {
        await nftApply(script);
      } catch (error) {
        if (!applied) throw error;
        logger.warn("the nftables table was not as left; making it anew", { table: name, error });
        applied = undefined;
        await nftApply(wholeTable(name, wanted));
      }
      const isNew = applied === undefined;
      applied = wanted;
      if (isNew) await warnOfForeignDrop(name, logger);
    },
    forget(): void {
      applied = undefined;
    },
    async remove(): Promise<void> {
      await nftApply(noTable(name));
      applied = undefined;
    },
  };
}

/** Changes the memory, then the kernel; the memory goes back when the kernel refuses. */
async function putAndApply<K, V>(
  map: Map<K, V>,
  key: K,
  value: V | undefined,
  apply: () => Promise<void>,
): Promise<void> {
  const before = map.get(key);
  put(map, key, value);
  try {
    await apply();
  } catch (error) {
    put(map, key, before);
    throw error;
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** Accepting in our table does not help against another table that drops; the owner of the machine must know. */
async function warnOfForeignDrop(table: string, logger: Logger): Promise<void> {
  const dropping = (await nftBaseChains()).filter(
    (chain) => chain.hook === "forward" && chain.policy === "drop" && chain.table !== table,
  );
  for (const chain of dropping) {
    logger.warn(
      "another firewall drops forwarded packets by default: containers may have no way out until it allows them",
      { table: `${chain.family} ${chain.table}`, chain: chain.name },
    );
  }
}
