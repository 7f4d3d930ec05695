import { isIP } from "node:net";
import type { Problems } from "./problems.ts";
import { choice, expected, integer, matching, object, text, type Reader } from "./readers.ts";
import type { Node } from "./tree.ts";

export interface Port {
  readonly target: number;
  /** Absent: the daemon chooses one. */
  readonly published?: number;
  /** The last of a range, of which each container takes the first that is free. */
  readonly published_last?: number;
  /** Absent: every address of the machine. */
  readonly host_ip?: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly app_protocol?: string;
  readonly name?: string;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

const shape =
  "[[HOST_IP:]HOST_PORT:]CONTAINER_PORT[/tcp|/udp], each port 1–65535 or a range such as 8000-8010";

/** The `ports` of a service: short and long entries, ranges taken apart into single ports. */
export const portList: Reader<readonly Port[]> = (node, path, problems) => {
  if (node.kind !== "list") return expected(node, path, problems, "a list of ports");
  return node.items.flatMap((item, index) => portEntry(item, `${path}[${index}]`, problems));
};

function portEntry(node: Node, path: string, problems: Problems): Port[] {
  if (node.kind === "map") return longPort(node, path, problems);
  const parsed = node.kind === "scalar" && node.value !== null ? parsePort(node.text) : undefined;
  if (!parsed) {
    expected(node, path, problems, shape);
    return [];
  }
  return spread(node, path, problems, parsed);
}

/** The parts of a short port, or undefined when it is none. */
export function parsePort(
  written: string,
):
  | { readonly target: Range; readonly published?: Range; readonly rest: Omit<Port, "target" | "published"> }
  | undefined {
  const match = /^(?:(?:(.*):)?([\d-]*):)?([\d-]+)(?:\/(tcp|udp|sctp))?$/i.exec(written.trim());
  if (!match) return undefined;
  const [, address, published, target, protocol = "tcp"] = match;
  const hostIp = address?.replace(/^\[(.*)\]$/, "$1");
  if (hostIp !== undefined && isIP(hostIp) === 0) return undefined;
  if (hostIp === undefined && published === "") return undefined;
  const targetRange = parseRange(target!);
  const publishedRange = published === undefined || published === "" ? undefined : parseRange(published);
  if (!targetRange || (published && !publishedRange)) return undefined;
  return {
    target: targetRange,
    ...(publishedRange ? { published: publishedRange } : {}),
    rest: {
      ...(hostIp === undefined ? {} : { host_ip: hostIp }),
      protocol: protocol.toLowerCase() as Port["protocol"],
    },
  };
}

export function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const range = { first: Number(match[1]), last: Number(match[2] ?? match[1]) };
  return range.first >= 1 && range.last <= 65535 && range.first <= range.last ? range : undefined;
}

const longKeys = object(
  {
    target: integer({ min: 1, max: 65535 }),
    published: matching(/^(0|[1-9]\d{0,4}(-\d{1,5})?)?$/, "a port or a range of ports, in quotes"),
    host_ip: matching(/[.:]/, "an IP address"),
    protocol: choice("tcp", "udp", "sctp"),
    app_protocol: text,
    mode: choice("host", "ingress"),
    name: text,
  },
  { required: ["target"] },
);

function longPort(node: Node, path: string, problems: Problems): Port[] {
  const read = longKeys(node, path, problems);
  if (read?.target === undefined) return [];
  const { target, published, host_ip, protocol = "tcp", app_protocol, name } = read;
  if (host_ip !== undefined && isIP(host_ip) === 0) {
    problems.invalid(node.at, `${path}.host_ip`, `'${host_ip}' found, expected an IP address`);
    return [];
  }
  const chosen = published === undefined || published === "" || published === "0";
  const range = chosen ? undefined : parseRange(published);
  if (!chosen && !range) {
    problems.invalid(
      node.at,
      `${path}.published`,
      `'${published}' found, expected a port or a range of ports`,
    );
    return [];
  }
  const rest = {
    ...(host_ip === undefined ? {} : { host_ip }),
    protocol,
    ...(app_protocol === undefined ? {} : { app_protocol }),
    ...(name === undefined ? {} : { name }),
  };
  return spread(node, path, problems, {
    target: { first: target, last: target },
    ...(range ? { published: range } : {}),
    rest,
  });
}

/** How many containers can have it at once. */
export function hostPortCount({ published, published_last: last }: Port): number {
  return published === undefined ? Infinity : (last ?? published) - published + 1;
}

function spread(
  node: Node,
  path: string,
  problems: Problems,
  ports: NonNullable<ReturnType<typeof parsePort>>,
): Port[] {
  const { target, published, rest } = ports;
  const size = target.last - target.first + 1;
  const publishedSize = published ? published.last - published.first + 1 : size;
  if (size === 1 && published && publishedSize > 1) {
    return [{ target: target.first, published: published.first, published_last: published.last, ...rest }];
  }
  if (publishedSize !== size) {
    problems.invalid(
      node.at,
      path,
      `the ranges differ in size: ${publishedSize} host ports for ${size} container ports`,
    );
    return [];
  }
  return Array.from({ length: size }, (_, index) => ({
    target: target.first + index,
    ...(published ? { published: published.first + index } : {}),
    ...rest,
  }));
}
