import { isIP } from "node:net";
import { parseSubnet } from "./subnet.ts";
import {
  choice,
  expected,
  flag,
  hostPath,
  labels,
  listOf,
  mapOf,
  matching,
  object,
  resolvePath,
  text,
  type KeyNotes,
  type Keys,
  type Read,
  type Reader,
} from "./readers.ts";
import { optionsProblem } from "../../volumes/index.ts";
import { nameRule, nameWhat } from "./service-values.ts";
import { services } from "./service-keys.ts";
import { child } from "./tree.ts";

export const projectName = /^[a-z0-9][a-z0-9_-]*$/;

/** `external: true`, or the older `external: { name: … }`. */
const external: Reader<boolean | { readonly name?: string }> = (node, path, problems) =>
  node.kind === "map" ? object({ name: text })(node, path, problems) : flag(node, path, problems);

const cidr: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value === undefined || parseSubnet(value)) return value;
  return expected(node, path, problems, "a subnet such as 172.28.0.0/16");
};

const ipAddress: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  return value === undefined || isIP(value) !== 0 ? value : expected(node, path, problems, "an IP address");
};

export const subnetKeys = {
  subnet: cidr,
  ip_range: cidr,
  gateway: ipAddress,
  aux_addresses: mapOf(ipAddress),
} satisfies Keys;

const bridge: Reader<"bridge"> = (node, path, problems) => {
  if (node.kind === "scalar" && ["bridge", "default"].includes(node.text)) return "bridge";
  if (node.kind !== "scalar") return expected(node, path, problems, "bridge");
  problems.unimplemented(node.at, path, `the network driver '${node.text}' is not supported; bridge is`);
  return undefined;
};

const local: Reader<"local"> = (node, path, problems) => {
  if (node.kind === "scalar" && ["local", "default"].includes(node.text)) return "local";
  if (node.kind !== "scalar") return expected(node, path, problems, "local");
  problems.unimplemented(node.at, path, `the volume driver '${node.text}' is not supported; local is`);
  return undefined;
};

export const networkKeys = {
  name: text,
  driver: bridge,
  driver_opts: labels,
  external,
  internal: flag,
  attachable: flag,
  enable_ipv4: ((node, path, problems) => {
    const value = flag(node, path, problems);
    if (value === false) problems.unimplemented(node.at, path, "networks without IPv4 are not supported");
    return value;
  }) as Reader<boolean>,
  enable_ipv6: flag,
  labels,
  ipam: object(
    { driver: choice("default"), config: listOf(object(subnetKeys)) },
    { refused: { options: "the address manager has no options" } },
  ),
} satisfies Keys;
export const networkNotes: KeyNotes = {
  notes: { driver: "`bridge`", enable_ipv4: "only `true`", ipam: "`driver: default`, and `config`" },
};

/** Options of the driver; a folder that is bound may be relative to the file. */
const volumeOptions: typeof labels = (node, path, problems) => {
  const options = labels(node, path, problems);
  const device = child(node, "device");
  if (options === undefined) return undefined;
  const binds = (options["o"] ?? "").split(",").some((word) => word === "bind" || word === "rbind");
  const whole =
    binds && device !== undefined && options["device"] !== undefined
      ? { ...options, device: resolvePath(options["device"], device) }
      : options;
  const wrong = optionsProblem(whole);
  if (wrong !== undefined) problems.invalid(node.at, path, wrong);
  return whole;
};

export const volumeKeys = {
  name: text,
  driver: local,
  driver_opts: volumeOptions,
  external,
  labels,
} satisfies Keys;
export const volumeNotes: KeyNotes = {
  notes: { driver: "`local`", driver_opts: "`type`, `o` and `device`: tmpfs, a folder, NFS, CIFS" },
};

const noStore: Reader<boolean> = (node, path, problems) => {
  const read = external(node, path, problems);
  if (read !== undefined && read !== false) {
    problems.unimplemented(
      node.at,
      path,
      "there is no store of secrets and configs outside of a stack; use file, environment or content",
    );
  }
  return undefined;
};

export const secretKeys = {
  name: text,
  file: hostPath,
  environment: text,
  external: noStore,
  labels,
} satisfies Keys;
export const configKeys = { ...secretKeys, content: text } satisfies Keys;
export const secretNotes: KeyNotes = {
  notes: { external: "only `false`" },
  refused: {
    driver: "secrets are files on this machine",
    driver_opts: "secrets are files on this machine",
    template_driver: "templates are not there",
  },
};
export const configNotes: KeyNotes = {
  notes: { external: "only `false`" },
  refused: { template_driver: "templates are not there" },
};

export interface FileSource {
  readonly name?: string;
  readonly file?: string;
  readonly environment?: string;
  readonly content?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function sourced(inner: Reader<FileSource>, sources: readonly string[]): Reader<FileSource> {
  return (node, path, problems) => {
    const read = inner(node, path, problems);
    const given = sources.filter((key) => read?.[key as keyof FileSource] !== undefined);
    const isExternal = node.kind === "map" && node.entries.has("external");
    if (read && given.length !== 1 && !isExternal) {
      problems.invalid(
        node.at,
        path,
        `${given.length === 0 ? "nothing" : given.join(" and ")} found, expected exactly one of ${sources.join(", ")}`,
      );
    }
    return read;
  };
}

const named = { key: nameRule, keyWhat: nameWhat };
const secret = sourced(object(secretKeys, secretNotes) as Reader<FileSource>, ["file", "environment"]);
const config = sourced(object(configKeys, configNotes) as Reader<FileSource>, [
  "file",
  "environment",
  "content",
]);

export type NetworkDefinition = Read<typeof networkKeys>;
export type VolumeDefinition = Read<typeof volumeKeys>;

export const projectKeys = {
  name: matching(projectName, "small letters, digits, '-' and '_', starting with a letter or digit"),
  services,
  networks: mapOf(object(networkKeys, networkNotes), { ...named, empty: () => ({}) }),
  volumes: mapOf(object(volumeKeys, volumeNotes), { ...named, empty: () => ({}) }),
  secrets: mapOf(secret, named),
  configs: mapOf(config, named),
} satisfies Keys;

export const projectNotes: KeyNotes = {
  refused: { models: "models are not there" },
  hints: { version: "it is obsolete and can be taken out" },
  required: ["services"],
};

export type ProjectFile = Read<typeof projectKeys>;

/** Reads a merged Compose file, `extends` and `include` already resolved. */
export const projectFile: Reader<ProjectFile> = object(projectKeys, projectNotes);
