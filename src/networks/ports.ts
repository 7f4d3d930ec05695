import { isIP } from "node:net";
import { fail, isVirgaError, type Logger } from "../base/index.ts";
import { holdPort, type PortHold } from "../host/index.ts";
import type { Endpoint, PortMapping } from "./network.ts";
import type { FilteredPort } from "./ruleset.ts";

/** One port of the host, given to a container. */
export interface Published extends FilteredPort {
  readonly mapping: PortMapping;
}

/**
 * The host's ports that containers have. Each is held by a bound socket of the daemon, so that no other process takes it
 * and one that has it already is noticed. Holding ends with the daemon; its next start takes the ports again.
 */
export interface PortTable {
  /**
   * Takes all ports or none. Throws `conflict` / `port.in-use`, `invalid` / `port.invalid`, `unimplemented` /
   * `port.unsupported`.
   */
  take(
    containerId: string,
    endpoint: Endpoint,
    ports: readonly PortMapping[],
    anyAddress: string,
  ): Published[];
  /** After a restart: notes the ports as taken; one that another process has meanwhile is told in the log. */
  restore(containerId: string, endpoint: Endpoint, ports: readonly PortMapping[]): Published[];
  give(containerId: string): void;
  /** Gives up the holding of every port. */
  close(): void;
}

interface Taken {
  readonly containerId: string;
  readonly port: Published;
  readonly hold?: PortHold;
}

export function createPortTable(logger: Logger): PortTable {
  let taken: Taken[] = [];
  const giveWhere = (goes: (one: Taken) => boolean) => {
    for (const one of taken) if (goes(one)) one.hold?.[Symbol.dispose]();
    taken = taken.filter((one) => !goes(one));
  };
  const takeOne = (
    containerId: string,
    mapping: PortMapping,
    endpoint: Endpoint,
    hostIps: readonly string[],
  ) => {
    const added = firstFree(mapping, (candidate) =>
      holdOnEach(containerId, candidate, endpoint, hostIps, taken),
    );
    taken.push(...added);
    return added.map((one) => one.port);
  };

  return {
    take(containerId, endpoint, ports, anyAddress) {
      const before = new Set(taken);
      try {
        return ports.flatMap((mapping) => {
          checkMapping(mapping);
          return takeOne(containerId, mapping, endpoint, hostAddresses(mapping, endpoint, anyAddress));
        });
      } catch (error) {
        giveWhere((one) => !before.has(one));
        throw error;
      }
    },
    restore(containerId, endpoint, ports) {
      return ports.map((mapping) => {
        try {
          const one = hold(containerId, mapping, endpoint, taken);
          taken.push(one);
          return one.port;
        } catch (error) {
          logger.warn("a published port is also held by another process", { containerId, mapping, error });
          const port = published(mapping, endpoint);
          taken.push({ containerId, port });
          return port;
        }
      });
    },
    give: (containerId) => giveWhere((one) => one.containerId === containerId),
    close: () => giveWhere(() => true),
  };
}

/** How often a port of the host's choice may turn out to be taken on another address. */
const triesOfChoice = 20;

/** What `take` makes of the first port that it can have. Throws `port.in-use` when there is none. */
function firstFree<T>(mapping: PortMapping, take: (candidate: PortMapping) => T): T {
  const { hostPortEnd, ...one } = mapping;
  const chosen = mapping.hostPort === 0;
  const tries = chosen ? triesOfChoice : (hostPortEnd ?? mapping.hostPort) - mapping.hostPort + 1;
  for (let attempt = 0; ; attempt++) {
    try {
      return take({ ...one, hostPort: chosen ? 0 : mapping.hostPort + attempt });
    } catch (error) {
      if (!isVirgaError(error, "conflict")) throw error;
      if (attempt + 1 === tries) throw hostPortEnd === undefined ? error : rangeInUse(mapping);
    }
  }
}

/** The same port on each of the addresses, or none. */
function holdOnEach(
  containerId: string,
  mapping: PortMapping,
  endpoint: Endpoint,
  hostIps: readonly string[],
  taken: readonly Taken[],
): Taken[] {
  const added: Taken[] = [];
  try {
    for (const hostIp of hostIps) {
      const hostPort = added[0]?.port.hostPort ?? mapping.hostPort;
      added.push(hold(containerId, { ...mapping, hostIp, hostPort }, endpoint, taken));
    }
    return added;
  } catch (error) {
    for (const one of added) one.hold?.[Symbol.dispose]();
    throw error;
  }
}

/** No address means all of the host: IPv4, and IPv6 where the container has an IPv6 address. */
function hostAddresses(mapping: PortMapping, endpoint: Endpoint, anyAddress: string): string[] {
  if (mapping.hostIp !== "") {
    if (isIP(mapping.hostIp) === 6 && endpoint.ipv6 === undefined) {
      throw fail(
        "unimplemented",
        "port.unsupported",
        `port ${mapping.containerPort} can't be published on ${mapping.hostIp}: the container has no IPv6 address`,
        {
          hint: "put it on a network with IPv6 (virga network create --ipv6), or publish on an IPv4 address",
        },
      );
    }
    return [mapping.hostIp];
  }
  return anyAddress === "0.0.0.0" && endpoint.ipv6 !== undefined ? [anyAddress, "::"] : [anyAddress];
}

function checkMapping({ protocol, containerPort, hostIp, hostPort, hostPortEnd }: PortMapping): void {
  if (protocol === "sctp") {
    throw fail("unimplemented", "port.unsupported", "publishing SCTP ports is not supported", {
      hint: "publish a TCP or a UDP port",
    });
  }
  const inRange = (port: number, least: number) => Number.isInteger(port) && port >= least && port <= 65535;
  if (!inRange(containerPort, 1) || !inRange(hostPort, 0)) {
    throw fail("invalid", "port.invalid", `invalid port mapping ${hostPort}:${containerPort}`, {
      hint: "ports are numbers from 1 to 65535",
    });
  }
  if (hostPortEnd !== undefined && (hostPort === 0 || !inRange(hostPortEnd, hostPort))) {
    throw fail("invalid", "port.invalid", `invalid range of host ports ${hostPort}-${hostPortEnd}`, {
      hint: "write it with the lower port first, like 8000-8010",
    });
  }
  if (hostIp !== "" && isIP(hostIp) === 0) {
    throw fail("invalid", "port.invalid", `invalid host address '${hostIp}' of a published port`);
  }
}

function hold(containerId: string, mapping: PortMapping, endpoint: Endpoint, taken: readonly Taken[]): Taken {
  const { hostIp, hostPort } = mapping;
  if (taken.some(({ port }) => clashes(port.mapping, mapping))) throw portInUse(mapping);
  const result = holdPort(mapping.protocol === "udp" ? "udp" : "tcp", hostIp, hostPort);
  if (result === "in-use") throw portInUse(mapping);
  if (result === "no-such-address") {
    throw fail(
      "invalid",
      "port.address",
      `Bind for ${hostIp}:${hostPort} failed: the host has no such address`,
      {
        hint: "see the host's addresses with: ip address",
      },
    );
  }
  if (typeof result === "string") {
    throw fail("precondition", "port.refused", `Bind for ${hostIp}:${hostPort} failed (${result})`);
  }
  return { containerId, port: published({ ...mapping, hostPort: result.port }, endpoint), hold: result };
}

/** Whether two mappings want the same port of an address; port 0 clashes with nothing. */
function clashes(a: PortMapping, b: PortMapping): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort || b.hostPort === 0) return false;
  const any = isIP(a.hostIp) === 6 ? "::" : "0.0.0.0";
  if (isIP(a.hostIp) !== isIP(b.hostIp)) return false;
  return a.hostIp === b.hostIp || a.hostIp === any || b.hostIp === any;
}

function published(mapping: PortMapping, endpoint: Endpoint): Published {
  const { protocol, hostIp, hostPort, containerPort } = mapping;
  const address = isIP(hostIp) === 6 ? endpoint.ipv6! : endpoint.ipv4;
  return { protocol: protocol === "udp" ? "udp" : "tcp", hostIp, hostPort, address, containerPort, mapping };
}

function rangeInUse({ hostPort, hostPortEnd }: PortMapping): Error {
  return fail(
    "conflict",
    "port.in-use",
    `Bind for ${hostPort}-${hostPortEnd} failed: all ports are allocated`,
    {
      hint: `see what has them: ss -lntup 'sport >= :${hostPort} and sport <= :${hostPortEnd}'; or name a larger range`,
    },
  );
}

function portInUse({ hostIp, hostPort }: PortMapping): Error {
  const where = isIP(hostIp) === 6 ? `[${hostIp}]` : hostIp;
  return fail("conflict", "port.in-use", `Bind for ${where}:${hostPort} failed: port is already allocated`, {
    hint: `see what has it: ss -lntup 'sport = :${hostPort}'; or publish on another port`,
  });
}
