import { fail, shortId } from "../../base/index.ts";
import type { Endpoint, EndpointSpec, Networks, PortMapping } from "../../networks/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { ContainerSpec, EndpointSettings, NetworkingSpec } from "../spec.ts";
import { together } from "../lifecycle/together.ts";

/** Whose network namespace a container has. */
export type NetworkMode =
  | { readonly kind: "own"; readonly networks: readonly string[] }
  | { readonly kind: "host" }
  | { readonly kind: "none" }
  | { readonly kind: "container"; readonly container: string };

/** The mode, with the names of the networks to be on: the one of `mode` first. */
export function networkMode(spec: NetworkingSpec | undefined): NetworkMode {
  const mode = spec?.mode ?? "bridge";
  const others = Object.keys(spec?.endpoints ?? {});
  if (mode === "host" || mode === "none") {
    refuseOthers(mode, others);
    return { kind: mode };
  }
  if (mode.startsWith("container:")) {
    refuseOthers("container", others);
    return { kind: "container", container: mode.slice("container:".length) };
  }
  const first = mode === "default" ? "bridge" : mode;
  return { kind: "own", networks: [first, ...others.filter((name) => name !== first && name !== "default")] };
}

function refuseOthers(mode: string, others: readonly string[]): void {
  const other = others.find((name) => name !== mode);
  if (other === undefined) return;
  throw fail(
    "invalid",
    "network.mode-conflict",
    `conflicting options: network '${other}' cannot be joined in network mode '${mode}'`,
  );
}

/** What a container of that name is called on a network, besides its aliases. */
export function endpointNames(
  container: { readonly id: string; readonly name: string; readonly spec: ContainerSpec },
  aliases: readonly string[] = [],
): readonly string[] {
  const { hostname } = container.spec;
  return [
    ...new Set([
      container.name,
      ...aliases,
      shortId(container.id),
      // A host name may be anything; a name on a network may not.
      ...(hostname !== undefined && /^[a-zA-Z0-9_.-]{1,253}$/.test(hostname) ? [hostname] : []),
    ]),
  ];
}

/** What to reserve on each network of an `own` mode, the first being the one of the default route. */
export function endpointSpecs(
  container: { readonly id: string; readonly name: string; readonly spec: ContainerSpec },
  networkNames: readonly string[],
  networks: Pick<Networks, "resolve">,
): EndpointSpec[] {
  const { network } = container.spec;
  const priorities = new Map<string, number>();
  const specs = networkNames.map((name, index) => {
    const resolved = networks.resolve(name);
    const settings =
      network?.endpoints?.[name] ?? network?.endpoints?.[resolved.name] ?? network?.endpoints?.[resolved.id];
    if (settings?.gatewayPriority !== undefined) priorities.set(resolved.id, settings.gatewayPriority);
    const mac = settings?.mac ?? (index === 0 ? network?.macAddress : undefined);
    return endpointSpec(container, resolved.id, {
      ...settings,
      ...(mac === undefined || mac === "" ? {} : { mac }),
    });
  });
  // The same network may be named once by name and once by id.
  const each = specs.filter(
    (one, index) => specs.findIndex((two) => two.networkId === one.networkId) === index,
  );
  const priorityOf = ({ networkId }: EndpointSpec) => priorities.get(networkId) ?? 0;
  return each.toSorted((a, b) => priorityOf(b) - priorityOf(a));
}

export function endpointSpec(
  container: { readonly id: string; readonly name: string; readonly spec: ContainerSpec },
  networkId: string,
  settings: EndpointSettings,
): EndpointSpec {
  const { ipv4, ipv6, mac } = settings;
  const servers = container.spec.network?.dns ?? [];
  return {
    networkId,
    containerId: container.id,
    names: endpointNames(container, settings.aliases),
    ...(ipv4 === undefined || ipv4 === "" ? {} : { ipv4 }),
    ...(ipv6 === undefined || ipv6 === "" ? {} : { ipv6 }),
    ...(mac === undefined || mac === "" ? {} : { mac }),
    ...(servers.length === 0 ? {} : { servers }),
  };
}

/** The one with the default route first: that with the highest priority, and of several the one that was first before. */
export function byPriority(
  endpoints: readonly Endpoint[],
  settings: Readonly<Record<string, EndpointSettings>>,
  networks: Pick<Networks, "list">,
): Endpoint[] {
  const named = new Map(networks.list().map(({ id, name }) => [id, name]));
  const priorityOf = ({ networkId }: Endpoint) =>
    (settings[named.get(networkId) ?? networkId] ?? settings[networkId])?.gatewayPriority ?? 0;
  return endpoints.toSorted((a, b) => priorityOf(b) - priorityOf(a));
}

/** Reserves all, or none. */
export async function reserveEndpoints(
  networks: Pick<Networks, "reserve" | "release">,
  specs: readonly EndpointSpec[],
  undo: AsyncDisposableStack,
): Promise<Endpoint[]> {
  return await together(
    specs.map(async (spec) => {
      const endpoint = await networks.reserve(spec);
      undo.defer(() => networks.release(endpoint.id));
      return endpoint;
    }),
  );
}

/** The ports to publish: those asked for and, with `publishAll`, every exposed one on a port of the host's choice. */
export function portsToPublish(spec: ContainerSpec, process: ImageProcess): readonly PortMapping[] {
  const asked = spec.network?.ports ?? [];
  if (!spec.network?.publishAll) return asked;
  const exposed = Object.keys(process.ExposedPorts ?? {}).map(parsePort);
  const missing = exposed.filter(
    (port) =>
      !asked.some((one) => one.containerPort === port.containerPort && one.protocol === port.protocol),
  );
  return [...asked, ...missing.map((port) => ({ ...port, hostIp: "", hostPort: 0 }))];
}

/** `80`, `80/tcp`, `53/udp`. Throws `invalid` / `port.invalid`. */
export function parsePort(text: string): Pick<PortMapping, "containerPort" | "protocol"> {
  const [, digits, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const containerPort = Number(digits);
  if (digits === undefined || containerPort < 1 || containerPort > 65535) {
    throw fail("invalid", "port.invalid", `invalid port: '${text}'`, { hint: "write it like 80/tcp" });
  }
  return { containerPort, protocol: protocol.toLowerCase() as PortMapping["protocol"] };
}
