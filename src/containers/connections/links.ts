import { fail } from "../../base/index.ts";
import type { Endpoint, Networks, PrivateName } from "../../networks/index.ts";
import type { Container } from "../container.ts";
import { hostnameOf } from "./etc-files.ts";
import { parseLink } from "./link.ts";
import { linkVariables } from "./link-variables.ts";
import { networkMode } from "./network-mode.ts";
import type { Registry } from "../registry.ts";
import type { ContainerSpec } from "../spec.ts";

type Lookup = Pick<Registry, "resolve" | "entries">;

/** The other containers, and the networks. */
export interface Around {
  readonly registry: Lookup;
  readonly networks: Pick<Networks, "list">;
}

/** What a container learns of those it is linked to. */
export interface Linked {
  /** Lines of /etc/hosts. */
  readonly hosts: readonly string[];
  /** Variables, as Docker had them before there were networks with names. */
  readonly env: readonly string[];
}

/**
 * Links of the default bridge name their target by id from here on. Throws `invalid` / `link.invalid` for a target that
 * is not there, or has no network of its own.
 */
export function pinLinks(spec: ContainerSpec, registry: Lookup): ContainerSpec {
  const { links = [] } = spec.network ?? {};
  if (links.length === 0 || !isOnBridge(spec)) return spec;
  const pinned = links.map((text) => {
    const { target, alias } = parseLink(text);
    const { id, spec: other } = find(registry, target);
    if (networkMode(other.network).kind !== "host") return `${id}:${alias}`;
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  });
  return { ...spec, network: { ...spec.network, links: pinned } };
}

function isOnBridge(spec: ContainerSpec): boolean {
  const mode = networkMode(spec.network);
  return mode.kind === "own" && mode.networks[0] === "bridge";
}

function find(registry: Lookup, name: string): Container {
  try {
    return registry.resolve(name).record.container;
  } catch (cause) {
    throw fail("invalid", "link.invalid", `could not get container for ${name}: No such container: ${name}`, {
      cause,
    });
  }
}

/**
 * At the start. Throws `conflict` / `link.not-running` when one on the default bridge does not run; on other networks
 * it may come later.
 */
export function linkedTo(container: Container, around: Around): Linked {
  const { registry } = around;
  const { spec, name } = container;
  const legacy = isOnBridge(spec) ? (spec.network?.links ?? []).map(parseLink) : [];
  const known = legacy.map((link) => {
    const target = find(registry, link.target);
    if (target.state.status === "running") return { link, target };
    throw fail(
      "conflict",
      "link.not-running",
      `Cannot link to a non running container: /${target.name} AS /${name}/${link.alias}`,
      { hint: `docker start ${target.name}` },
    );
  });
  return {
    hosts: [
      ...known.flatMap(({ link, target }) => {
        const names = [...new Set([link.alias, hostnameOf(target), target.name])];
        return hostLines(target.endpoints[0], names);
      }),
      ...aliasHosts(container, around),
    ],
    env: known.flatMap(({ link, target }) => linkVariables(target, link.alias, name)),
  };
}

/** Aliases on networks with names, for those of the targets that are there by now. */
export function aliasHosts(container: Container, around: Around): string[] {
  return namedLinks(container, around).flatMap(({ networkId, link }) => {
    const target = [...around.registry.entries.values()]
      .map((entry) => entry.record.container)
      .find((one) => isCalled(one, link.target));
    return hostLines(
      target?.endpoints.find((one) => one.networkId === networkId),
      [link.alias],
    );
  });
}

/** What containers call each other on networks with names, for the DNS server. */
export function privateNames(around: Around): PrivateName[] {
  const all = [...around.registry.entries.values()].map((entry) => entry.record.container);
  return all.flatMap((container) =>
    namedLinks(container, around).flatMap(({ networkId, link }) => {
      const target = all.find((one) => isCalled(one, link.target));
      if (!target || container.endpoints.length === 0) return [];
      return [{ containerId: container.id, networkId, name: link.alias, targetId: target.id }];
    }),
  );
}

/** The running containers that have a name of their own for `target`. */
export function linkersOf(target: Container, around: Around): readonly Container[] {
  return [...around.registry.entries.values()]
    .map((entry) => entry.record.container)
    .filter((one) => one.state.status === "running" && one.id !== target.id)
    .filter((one) => namedLinks(one, around).some(({ link }) => isCalled(target, link.target)));
}

function namedLinks(container: Container, { networks }: Around) {
  const settings = Object.entries(container.spec.network?.endpoints ?? {});
  return settings.flatMap(([name, { links = [] }]) =>
    links.flatMap((text) => {
      // A network that was removed meanwhile has no names.
      const networkId = networks.list().find((one) => one.name === name || one.id === name)?.id;
      return networkId === undefined ? [] : [{ networkId, link: parseLink(text) }];
    }),
  );
}

function isCalled({ id, name }: Container, target: string): boolean {
  return name === target || (target.length >= 12 && id.startsWith(target));
}

function hostLines(endpoint: Endpoint | undefined, names: readonly string[]): string[] {
  if (endpoint === undefined) return [];
  const addresses = [endpoint.ipv4, ...(endpoint.ipv6 === undefined ? [] : [endpoint.ipv6])];
  return addresses.map((address) => `${address}\t${names.join(" ")}`);
}

function invalid(message: string): Error {
  return fail("invalid", "link.invalid", message);
}
