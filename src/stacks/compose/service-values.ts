import { isIP } from "node:net";
import {
  choice,
  duration,
  expected,
  flag,
  hostPath,
  integer,
  listOf,
  mapOf,
  matching,
  mode,
  object,
  oneOrMore,
  resolvePath,
  text,
  type Read,
  type Reader,
  type ValueOf,
} from "./readers.ts";
import type { Problems } from "./problems.ts";
import type { Node } from "./tree.ts";

export const nameRule = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
export const nameWhat = "letters, digits, '_', '.' and '-', starting with a letter or digit";

/** `HOST:ADDRESS` entries, as Docker writes extra hosts. */
export const hostList: Reader<readonly string[]> = (node, path, problems) => {
  if (node.kind === "list") {
    return node.items.flatMap((item, index) => {
      const match = item.kind === "scalar" ? /^([^=:\s]+)\s*[=:]\s*(.+)$/.exec(item.text) : null;
      return match
        ? hostEntry(match[1]!, match[2]!, item, `${path}[${index}]`, problems)
        : (expected(item, `${path}[${index}]`, problems, "HOST=ADDRESS") ?? []);
    });
  }
  const read = mapOf(oneOrMore(text))(node, path, problems);
  return (
    read &&
    Object.entries(read).flatMap(([host, all]) =>
      all.flatMap((one) => hostEntry(host, one, node, `${path}.${host}`, problems)),
    )
  );
};

function hostEntry(host: string, written: string, node: Node, path: string, problems: Problems): string[] {
  const address = written.trim().replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0) {
    problems.invalid(node.at, path, `'${written}' found, expected an IP address or host-gateway`);
    return [];
  }
  return [`${host}:${address}`];
}

export interface Dependency {
  readonly condition: "service_started" | "service_healthy" | "service_completed_successfully";
  readonly restart?: boolean;
  readonly required: boolean;
}

const longDependency = object(
  {
    condition: choice("service_started", "service_healthy", "service_completed_successfully"),
    restart: flag,
    required: flag,
  },
  { required: ["condition"] },
);

export const dependsOn: Reader<Readonly<Record<string, Dependency>>> = (node, path, problems) => {
  const started = { condition: "service_started", required: true } as const;
  if (node.kind === "list") {
    const names = listOf(text)(node, path, problems) ?? [];
    return Object.fromEntries(names.map((name) => [name, started]));
  }
  const read = mapOf<ValueOf<typeof longDependency>>(longDependency, { empty: () => ({}) })(
    node,
    path,
    problems,
  );
  return (
    read &&
    Object.fromEntries(
      Object.entries(read).map(([name, { condition = "service_started", restart, required = true }]) => [
        name,
        { condition, required, ...(restart ? { restart } : {}) },
      ]),
    )
  );
};

export interface EnvFile {
  readonly path: string;
  readonly required: boolean;
  readonly format?: "raw";
}

const longEnvFile = object({ path: hostPath, required: flag, format: choice("raw") }, { required: ["path"] });

const envFile: Reader<EnvFile> = (node, path, problems) => {
  if (node.kind === "scalar") {
    const file = hostPath(node, path, problems);
    return file === undefined ? undefined : { path: file, required: true };
  }
  const read = longEnvFile(node, path, problems);
  if (read?.path === undefined) return undefined;
  return {
    path: read.path,
    required: read.required ?? true,
    ...(read.format ? { format: read.format } : {}),
  };
};

export const envFiles = oneOrMore(envFile);

const healthTest: Reader<readonly string[]> = (node, path, problems) => {
  if (node.kind === "scalar") return ["CMD-SHELL", node.text];
  const words = listOf(text)(node, path, problems);
  if (words && !["NONE", "CMD", "CMD-SHELL"].includes(words[0] ?? "")) {
    problems.invalid(
      node.at,
      path,
      `'${words[0] ?? ""}' found as the first item, expected NONE, CMD or CMD-SHELL`,
    );
    return undefined;
  }
  return words;
};

export const healthcheckKeys = {
  test: healthTest,
  disable: flag,
  interval: duration,
  timeout: duration,
  retries: integer({ min: 0 }),
  start_period: duration,
  start_interval: duration,
};

function address(version: 4 | 6): Reader<string> {
  return (node, path, problems) => {
    const value = text(node, path, problems);
    if (value === undefined || isIP(value) === version) return value;
    return expected(node, path, problems, `an IPv${version} address`);
  };
}

export const endpointKeys = {
  aliases: listOf(text),
  ipv4_address: address(4),
  ipv6_address: address(6),
  mac_address: matching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "an address such as 02:42:ac:11:00:02"),
  priority: integer(),
  gw_priority: integer(),
};

export const endpointNotes = {
  refused: {
    link_local_ips: "addresses are given by ipv4_address and ipv6_address",
    interface_name: "interfaces are called eth0, eth1, … in the order of their priority",
    driver_opts: "the bridge driver has no options for a single container",
  },
} as const;

export type Attachment = Read<typeof endpointKeys>;
const attachment: Reader<Attachment> = object(endpointKeys, endpointNotes);

export const attachments: Reader<Readonly<Record<string, Attachment>>> = (node, path, problems) => {
  if (node.kind === "list") {
    const names = listOf(text)(node, path, problems) ?? [];
    return Object.fromEntries(names.map((name) => [name, {}]));
  }
  return mapOf(attachment, { key: nameRule, keyWhat: nameWhat, empty: () => ({}) })(node, path, problems);
};

/** A secret or config as a service sees it. */
export interface Grant {
  readonly source: string;
  readonly target?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

const longGrant = object(
  { source: text, target: text, uid: integer({ min: 0 }), gid: integer({ min: 0 }), mode },
  { required: ["source"] },
);

export const grants: Reader<readonly Grant[]> = listOf((node, path, problems) => {
  if (node.kind === "scalar") {
    const source = text(node, path, problems);
    return source === undefined ? undefined : { source };
  }
  const read = longGrant(node, path, problems);
  return read?.source === undefined ? undefined : { ...read, source: read.source };
});

export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

const longLimit = object(
  { soft: integer({ min: -1 }), hard: integer({ min: -1 }) },
  { required: ["soft", "hard"] },
);

export const ulimits: Reader<Readonly<Record<string, Limit>>> = mapOf(
  (node, path, problems) => {
    if (node.kind === "scalar") {
      const value = integer({ min: -1 })(node, path, problems);
      return value === undefined ? undefined : { soft: value, hard: value };
    }
    const read = longLimit(node, path, problems);
    return read?.soft === undefined || read.hard === undefined
      ? undefined
      : { soft: read.soft, hard: read.hard };
  },
  { key: /^[a-z]+$/, keyWhat: "the name of a limit in small letters, such as nofile" },
);

export interface Device {
  readonly source: string;
  readonly target: string;
  readonly permissions: string;
}

const deviceShape = "HOST_PATH[:CONTAINER_PATH[:rwm]]";
const longDevice = object(
  { source: text, target: text, permissions: matching(/^[rwm]{1,3}$/, "letters of rwm") },
  { required: ["source"] },
);

export const device: Reader<Device> = (node, path, problems) => {
  if (node.kind === "map") {
    const read = longDevice(node, path, problems);
    if (read?.source === undefined) return undefined;
    return {
      source: read.source,
      target: read.target ?? read.source,
      permissions: read.permissions ?? "rwm",
    };
  }
  const value = text(node, path, problems);
  if (value === undefined) return undefined;
  if (/^[^/]+\/[^=]+=/.test(value)) {
    problems.unimplemented(node.at, path, `the CDI device '${value}' is not supported; name a path`);
    return undefined;
  }
  const [source = "", target = source, permissions = "rwm", ...rest] = value.split(":");
  if (
    !source.startsWith("/") ||
    !target.startsWith("/") ||
    !/^[rwm]{1,3}$/.test(permissions) ||
    rest.length > 0
  ) {
    return expected(node, path, problems, deviceShape);
  }
  return { source, target, permissions };
};

export interface Tmpfs {
  readonly target: string;
  readonly options: readonly string[];
}

export const tmpfs: Reader<Tmpfs> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value === undefined) return undefined;
  const [target = "", options = "", ...rest] = value.split(":");
  if (!target.startsWith("/") || rest.length > 0)
    return expected(node, path, problems, "/PATH or /PATH:OPTIONS");
  return { target, options: options.split(",").filter(Boolean) };
};

/** `no-new-privileges`, `seccomp=…`, `systempaths=unconfined`; with the profile's path made absolute. */
export const securityOption: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value === undefined) return undefined;
  const match = /^([a-z-]+)(?:[=:](.*))?$/.exec(value);
  const [, name, argument] = match ?? [];
  if (name === "no-new-privileges" && (argument === undefined || /^(true|false)$/.test(argument)))
    return `${name}=${argument ?? "true"}`;
  if (name === "seccomp" && argument)
    return `seccomp=${argument === "unconfined" ? argument : resolvePath(argument, node)}`;
  if (name === "systempaths" && argument === "unconfined") return "systempaths=unconfined";
  // Without AppArmor and SELinux every container is unconfined and unlabelled already.
  if ((name === "apparmor" && argument === "unconfined") || (name === "label" && argument === "disable"))
    return undefined;
  if (name === "apparmor" || name === "label" || name === "credentialspec") {
    problems.unimplemented(node.at, path, `'${value}' is not supported`);
    return undefined;
  }
  return expected(
    node,
    path,
    problems,
    "no-new-privileges, seccomp=unconfined, seccomp=FILE or systempaths=unconfined",
  );
};

export const restart = matching(
  /^(no|always|unless-stopped|on-failure(:\d+)?)$/,
  "one of no, always, unless-stopped, on-failure, on-failure:RETRIES",
);
