import { fail, newId, type Clock, type Logger } from "../base/index.ts";
import type { DaemonIdentity } from "../host/index.ts";
import { overlaps, parseCidr, type Cidr } from "./address.ts";
import { checkSubnet, choosePool, defaultPools, localPool6, subnetOf, type SubnetSpec } from "./ipam.ts";
import type { Network, NetworkSpec, Subnet } from "./network.ts";
import { bridgeOptions } from "./options.ts";
import type { Pools, Taken } from "./pools.ts";
import type { NetworkStore } from "./store.ts";

/** The networks that exist, as state; what they need on the host is another's work. */
export interface Registry {
  create(spec: NetworkSpec): Promise<Network>;
  resolve(nameOrId: string): Network;
  /** By full id; throws `not-found` also while the network is being removed. */
  get(id: string): Network;
  list(): Network[];
  /** Forgets a network with its endpoints. */
  remove(id: string): void;
}

export interface RegistryDependencies {
  readonly identity: DaemonIdentity;
  readonly store: NetworkStore;
  readonly pools: Pools;
  readonly clock: Clock;
  readonly logger: Logger;
}

const predefined: ReadonlySet<string> = new Set(["bridge", "host", "none", "default"]);

/** Loads the networks; at the first start of a root it makes the predefined ones. */
export async function openRegistry(dependencies: RegistryDependencies): Promise<Registry> {
  const { store, pools } = dependencies;
  const networks = new Map(store.networks().map((network) => [network.id, network]));
  const add = (network: Network) => {
    store.addNetwork(network);
    networks.set(network.id, network);
    pools.claim(subnetsOf(networks.values()));
    return network;
  };
  await pools.choose(({ all }) => {
    for (const network of predefinedNetworks(dependencies, networks, all)) {
      networks.set(network.id, network);
      if (store.networks().some(({ id }) => id === network.id)) store.setSubnets(network.id, network.subnets);
      else store.addNetwork(network);
    }
    pools.claim(subnetsOf(networks.values()));
  });
  const checkName = (name: string) => {
    if (![...networks.values()].some((network) => network.name === name)) return;
    throw fail("conflict", "network.name-taken", `network with name ${name} already exists`, {
      hint: `use another name, or remove it first: virga network rm ${name}`,
    });
  };

  return {
    async create(spec) {
      checkSpec(spec);
      checkName(spec.name);
      return await pools.choose((taken) => {
        checkName(spec.name);
        return add(newNetwork(dependencies, spec, networks, taken));
      });
    },
    resolve: (nameOrId) => resolveIn(networks, nameOrId),
    get: (id) => networks.get(id) ?? notFound(id),
    list: () => [...networks.values()],
    remove(id) {
      store.removeNetwork(id);
      networks.delete(id);
      pools.claim(subnetsOf(networks.values()));
    },
  };
}

function resolveIn(networks: ReadonlyMap<string, Network>, nameOrId: string): Network {
  const byId = networks.get(nameOrId);
  if (byId) return byId;
  const all = [...networks.values()];
  const byName = all.find((network) => network.name === nameOrId);
  if (byName) return byName;
  const matches = nameOrId === "" ? [] : all.filter((network) => network.id.startsWith(nameOrId));
  if (matches.length > 1) {
    throw fail(
      "invalid",
      "network.ambiguous",
      `network ${nameOrId} is ambiguous (${matches.length} matches found on ID prefix)`,
    );
  }
  return matches[0] ?? notFound(nameOrId);
}

function notFound(nameOrId: string): never {
  throw fail("not-found", "network.not-found", `network ${nameOrId} not found`, {
    hint: "see the networks with: virga network ls",
  });
}

function subnetsOf(networks: Iterable<Network>): string[] {
  return [...networks].flatMap((network) => network.subnets.map((one) => one.subnet));
}

function checkSpec(spec: NetworkSpec): void {
  if (predefined.has(spec.name)) {
    throw fail(
      "permission",
      "network.predefined",
      `operation is not permitted on predefined ${spec.name} network`,
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_. -]{0,253}[a-zA-Z0-9_.-]?$/.test(spec.name)) {
    throw fail("invalid", "network.name-invalid", `invalid network name: ${JSON.stringify(spec.name)}`, {
      hint: "use letters, digits, '_', '.', '-' and spaces between them, starting with a letter or digit",
    });
  }
  const driver = spec.driver ?? "bridge";
  if (driver === "host" || driver === "null" || driver === "none") {
    throw fail("permission", "network.predefined", `only one instance of "${driver}" network is allowed`);
  }
  if (driver !== "bridge") {
    throw fail("unimplemented", "network.driver-unsupported", `network driver ${driver} is not supported`, {
      hint: "use the bridge driver",
    });
  }
  bridgeOptions(spec.options ?? {});
}

/** Those of the predefined networks that are new, or whose subnet must change because another has it by now. */
function predefinedNetworks(
  { identity, store, clock, logger }: RegistryDependencies,
  networks: ReadonlyMap<string, Network>,
  taken: Taken,
): Network[] {
  const existing = [...networks.values()].filter(({ builtin }) => builtin);
  const others = [...networks.values()].filter(({ builtin }) => !builtin);
  const blocked = [...taken.values(), ...blocksOf(others)];
  const bridge = existing.find(({ driver }) => driver === "bridge");
  if (!bridge) {
    const base = { internal: false, attachable: false, enableIpv6: false, labels: {}, builtin: true };
    const make = (driver: Network["driver"]) => ({
      ...base,
      id: newId(),
      name: driver,
      driver,
      options: {},
      subnets: [],
      createdAt: clock.now(),
    });
    const made = make("bridge");
    const subnets = [subnetOf(choosePool(defaultPools(), blocked))];
    const options = { "com.docker.network.bridge.default_bridge": "true" };
    return [
      { ...made, options, subnets, bridge: interfaceName(identity, made.id) },
      make("host"),
      make("none"),
    ];
  }
  const clash = blocksOf([bridge]).some((own) => blocked.some((other) => overlaps(own, other)));
  if (!clash) return [];
  if (store.endpointsOf(bridge.id).length > 0) {
    logger.warn("the default bridge's addresses overlap others on this machine", { subnets: bridge.subnets });
    return [];
  }
  return [{ ...bridge, subnets: [subnetOf(choosePool(defaultPools(), blocked))] }];
}

function newNetwork(
  { identity, clock }: RegistryDependencies,
  spec: NetworkSpec,
  networks: ReadonlyMap<string, Network>,
  taken: { readonly connected: Taken; readonly all: Taken },
): Network {
  let id = newId();
  while ([...networks.values()].some(({ bridge }) => bridge === interfaceName(identity, id))) id = newId();
  const options = spec.options ?? {};
  const bridge = bridgeOptions(options).interfaceName ?? interfaceName(identity, id);
  if ([...networks.values()].some((other) => other.bridge === bridge)) {
    throw fail("conflict", "network.bridge-taken", `another network has the bridge name ${bridge}`);
  }
  return {
    id,
    name: spec.name,
    driver: "bridge",
    internal: spec.internal ?? false,
    attachable: spec.attachable ?? false,
    enableIpv6: spec.enableIpv6 ?? false,
    labels: spec.labels ?? {},
    options,
    subnets: chooseSubnets(identity, spec, [...networks.values()], taken),
    bridge,
    createdAt: clock.now(),
    builtin: false,
  };
}

function chooseSubnets(
  identity: DaemonIdentity,
  spec: NetworkSpec,
  networks: readonly Network[],
  taken: { readonly connected: Taken; readonly all: Taken },
): Subnet[] {
  const own = new Map(
    networks.flatMap(({ name, subnets }) =>
      subnets.map((one) => [`network ${name}, ${one.subnet}`, parseCidr(one.subnet)!] as const),
    ),
  );
  const asked = spec.subnets ?? [];
  const withSubnet = asked.filter((one) => one.subnet !== undefined);
  const checked = withSubnet.map((one) => checkSubnet(one, new Map([...own, ...taken.connected])));
  const ipv4 = checked.filter((one) => !one.subnet.includes(":"));
  const ipv6 = checked.filter((one) => one.subnet.includes(":"));
  checkAsked(asked, ipv4.length, ipv6.length, spec.enableIpv6 ?? false);
  const blocked = [...own.values(), ...taken.all.values()];
  const first = ipv4[0] ?? subnetOf(choosePool(defaultPools(), blocked));
  if (!spec.enableIpv6) return [first];
  return [first, ipv6[0] ?? subnetOf(choosePool(localPool6(identity.tag), blocked))];
}

function checkAsked(asked: readonly SubnetSpec[], ipv4: number, ipv6: number, enableIpv6: boolean): void {
  const bare = asked.find((one) => one.subnet === undefined);
  if (bare?.gateway !== undefined || bare?.ipRange !== undefined || bare?.auxiliary !== undefined) {
    throw fail(
      "invalid",
      "network.subnet-missing",
      "every ip-range or gateway must have a corresponding subnet",
    );
  }
  if (ipv4 > 1 || ipv6 > 1) {
    throw fail("unimplemented", "network.subnets-many", "bridge driver doesn't support multiple subnets", {
      hint: "give one IPv4 and at most one IPv6 subnet",
    });
  }
  if (ipv6 > 0 && !enableIpv6) {
    throw fail("invalid", "network.ipv6-off", "an IPv6 subnet needs IPv6 to be enabled on the network", {
      hint: "add --ipv6",
    });
  }
}

function blocksOf(networks: readonly Network[]): Cidr[] {
  return networks.flatMap((network) => network.subnets.map((one) => parseCidr(one.subnet)!));
}

/** At most 15 characters: prefix (7), `br`, 6 digits. No endpoint's interface starts so, as `r` is no digit. */
function interfaceName(identity: DaemonIdentity, id: string): string {
  return `${identity.interfacePrefix}br${id.slice(0, 6)}`;
}
