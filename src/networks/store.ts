import type { Migration, State } from "../state/index.ts";
import type { Endpoint, Network, Subnet } from "./network.ts";

export const networkMigrations: readonly Migration[] = [
  {
    id: "networks/001",
    sql: `CREATE TABLE networks (
      id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, driver TEXT NOT NULL, internal INTEGER NOT NULL,
      attachable INTEGER NOT NULL, ipv6 INTEGER NOT NULL, builtin INTEGER NOT NULL, labels TEXT NOT NULL,
      options TEXT NOT NULL, subnets TEXT NOT NULL, bridge TEXT UNIQUE, created_at TEXT NOT NULL,
      last_ipv4 TEXT, last_ipv6 TEXT) STRICT;
    CREATE TABLE endpoints (
      id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
      container_id TEXT NOT NULL, mac TEXT NOT NULL, ipv4 TEXT NOT NULL, ipv4_length INTEGER NOT NULL,
      ipv6 TEXT, ipv6_length INTEGER, names TEXT NOT NULL, servers TEXT NOT NULL, fixed_ipv4 TEXT,
      UNIQUE (network_id, ipv4), UNIQUE (network_id, container_id)) STRICT`,
  },
];

interface NetworkRow {
  id: string;
  name: string;
  driver: Network["driver"];
  internal: number;
  attachable: number;
  ipv6: number;
  builtin: number;
  labels: string;
  options: string;
  subnets: string;
  bridge: string | null;
  created_at: string;
}

interface EndpointRow {
  id: string;
  network_id: string;
  container_id: string;
  mac: string;
  ipv4: string;
  ipv4_length: number;
  ipv6: string | null;
  ipv6_length: number | null;
  names: string;
  servers: string;
  fixed_ipv4: string | null;
}

export interface NetworkStore {
  networks(): Network[];
  addNetwork(network: Network): void;
  setSubnets(networkId: string, subnets: readonly Subnet[]): void;
  removeNetwork(networkId: string): void;
  endpoints(): Endpoint[];
  endpointsOf(networkId: string): Endpoint[];
  endpoint(id: string): Endpoint | undefined;
  /** Whether an endpoint's id starts so: the first digits name its interface. */
  hasEndpointLike(prefix: string): boolean;
  /** Remembers the addresses as the last ones given out, too. */
  addEndpoint(endpoint: Endpoint): void;
  setNames(endpointId: string, names: readonly string[]): void;
  removeEndpoint(id: string): void;
  lastAddresses(networkId: string): { readonly ipv4?: string; readonly ipv6?: string };
}

export function createNetworkStore(state: State): NetworkStore {
  const { db } = state;
  const endpointsOf = db.query<EndpointRow, [string]>("SELECT * FROM endpoints WHERE network_id = ?");
  const endpointById = db.query<EndpointRow, [string]>("SELECT * FROM endpoints WHERE id = ?");
  return {
    networks: () =>
      db.query<NetworkRow, []>("SELECT * FROM networks ORDER BY created_at, id").all().map(networkOf),
    addNetwork: (network) => insertNetwork(state, network),
    setSubnets: (networkId, subnets) =>
      void db.run("UPDATE networks SET subnets = ? WHERE id = ?", [JSON.stringify(subnets), networkId]),
    removeNetwork: (networkId) => void db.run("DELETE FROM networks WHERE id = ?", [networkId]),
    endpoints: () => db.query<EndpointRow, []>("SELECT * FROM endpoints").all().map(endpointOf),
    endpointsOf: (networkId) => endpointsOf.all(networkId).map(endpointOf),
    endpoint(id) {
      const row = endpointById.get(id);
      return row ? endpointOf(row) : undefined;
    },
    hasEndpointLike: (prefix) =>
      db.query("SELECT 1 FROM endpoints WHERE id GLOB ? LIMIT 1").get(`${prefix}*`) !== null,
    addEndpoint: (endpoint) => state.transaction(() => insertEndpoint(state, endpoint)),
    setNames: (id, names) =>
      void db.run("UPDATE endpoints SET names = ? WHERE id = ?", [JSON.stringify(names), id]),
    removeEndpoint: (id) => void db.run("DELETE FROM endpoints WHERE id = ?", [id]),
    lastAddresses(networkId) {
      const row = db
        .query<{ last_ipv4: string | null; last_ipv6: string | null }, [string]>(
          "SELECT last_ipv4, last_ipv6 FROM networks WHERE id = ?",
        )
        .get(networkId);
      return {
        ...(row?.last_ipv4 ? { ipv4: row.last_ipv4 } : {}),
        ...(row?.last_ipv6 ? { ipv6: row.last_ipv6 } : {}),
      };
    },
  };
}

function insertNetwork(state: State, network: Network): void {
  state.db.run(
    `INSERT INTO networks (id, name, driver, internal, attachable, ipv6, builtin, labels, options, subnets,
       bridge, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      network.id,
      network.name,
      network.driver,
      Number(network.internal),
      Number(network.attachable),
      Number(network.enableIpv6),
      Number(network.builtin),
      JSON.stringify(network.labels),
      JSON.stringify(network.options),
      JSON.stringify(network.subnets),
      network.bridge ?? null,
      network.createdAt.toISOString(),
    ],
  );
}

function insertEndpoint({ db }: State, endpoint: Endpoint): void {
  db.run("INSERT INTO endpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
    endpoint.id,
    endpoint.networkId,
    endpoint.containerId,
    endpoint.mac,
    endpoint.ipv4,
    endpoint.ipv4PrefixLength,
    endpoint.ipv6 ?? null,
    endpoint.ipv6PrefixLength ?? null,
    JSON.stringify(endpoint.names),
    JSON.stringify(endpoint.servers ?? []),
    endpoint.fixedIpv4 ?? null,
  ]);
  const chosen = endpoint.fixedIpv4 === undefined ? endpoint.ipv4 : null;
  db.run(
    "UPDATE networks SET last_ipv4 = coalesce(?, last_ipv4), last_ipv6 = coalesce(?, last_ipv6) WHERE id = ?",
    [chosen, endpoint.ipv6 ?? null, endpoint.networkId],
  );
}

function networkOf(row: NetworkRow): Network {
  return {
    id: row.id,
    name: row.name,
    driver: row.driver,
    internal: row.internal === 1,
    attachable: row.attachable === 1,
    enableIpv6: row.ipv6 === 1,
    builtin: row.builtin === 1,
    labels: JSON.parse(row.labels) as Record<string, string>,
    options: JSON.parse(row.options) as Record<string, string>,
    subnets: JSON.parse(row.subnets) as Subnet[],
    ...(row.bridge === null ? {} : { bridge: row.bridge }),
    createdAt: new Date(row.created_at),
  };
}

function endpointOf(row: EndpointRow): Endpoint {
  const servers = JSON.parse(row.servers) as string[];
  return {
    id: row.id,
    networkId: row.network_id,
    containerId: row.container_id,
    mac: row.mac,
    ipv4: row.ipv4,
    ipv4PrefixLength: row.ipv4_length,
    ...(row.ipv6 === null ? {} : { ipv6: row.ipv6 }),
    ...(row.ipv6_length === null ? {} : { ipv6PrefixLength: row.ipv6_length }),
    names: JSON.parse(row.names) as string[],
    ...(servers.length > 0 ? { servers } : {}),
    ...(row.fixed_ipv4 === null ? {} : { fixedIpv4: row.fixed_ipv4 }),
  };
}
