import { resolve } from "node:path";
import { grants, hostList } from "./service-values.ts";
import {
  bytes,
  choice,
  flag,
  hostPath,
  labels,
  listOf,
  object,
  oneOrMore,
  pairs,
  resolvePath,
  text,
  type Keys,
  type Read,
  type Reader,
} from "./readers.ts";

/** A build context: the absolute path of a folder, or an address. */
const context: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  return value !== undefined && isAddress(value) ? value : hostPath(node, path, problems);
};

/** `docker-image://IMAGE` too. */
export function isAddress(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/|^[\w.-]+@[\w.-]+:|^github\.com\//.test(value);
}

const contexts: Reader<Readonly<Record<string, string>>> = (node, path, problems) => {
  const read = pairs(node, path, problems);
  if (!read) return undefined;
  const found: [string, string][] = [];
  for (const [name, value] of Object.entries(read)) {
    if (value === null || value === "")
      problems.invalid(node.at, `${path}.${name}`, "expected a folder or an address");
    else if (value.startsWith("service:")) {
      const message = `the image of another service is not supported; build it first, and write docker-image://IMAGE`;
      problems.unimplemented(node.at, `${path}.${name}`, message);
    } else found.push([name, isAddress(value) ? value : resolvePath(value, node)]);
  }
  return Object.fromEntries(found);
};

/** Sockets of SSH agents by id; an empty one is the agent of whoever calls. */
const agents: Reader<Readonly<Record<string, string>>> = (node, path, problems) => {
  const list = node.kind === "map" ? undefined : listOf(text)(node, path, problems);
  if (node.kind !== "map" && !list) return undefined;
  const read = list
    ? Object.fromEntries(list.map((one) => one.split(/=(.*)/s)).map(([id, socket = ""]) => [id!, socket]))
    : pairs(node, path, problems);
  return Object.fromEntries(
    Object.entries(read ?? {}).map(([id, socket]) => [id, socket ? resolvePath(socket, node) : ""]),
  );
};

const off: Reader<boolean> = (node, path, problems) => {
  const value = node.kind === "scalar" && /^(true|false)$/.test(node.text) ? node.text === "true" : true;
  if (value) problems.unimplemented(node.at, path, "attestations are not supported; only false is");
  return value ? undefined : false;
};

export const buildKeys = {
  context,
  dockerfile: text,
  dockerfile_inline: text,
  args: pairs,
  target: text,
  labels,
  tags: listOf(text),
  no_cache: flag,
  pull: flag,
  network: text,
  shm_size: bytes(),
  extra_hosts: hostList,
  cache_from: oneOrMore(text),
  cache_to: oneOrMore(text),
  platforms: listOf(text),
  additional_contexts: contexts,
  secrets: grants,
  ssh: agents,
  entitlements: listOf(choice("network.host", "security.insecure")),
  privileged: flag,
  provenance: off,
  sbom: off,
  isolation: choice("default"),
} satisfies Keys;

export const buildNotes = {
  notes: {
    context: "a folder, or the address of a git repository or an archive; default: the project directory",
    additional_contexts: "folders, addresses, `docker-image://IMAGE`",
    ssh: "the agent of whoever calls, or sockets",
    privileged: "allows RUN steps `--security=insecure`",
    dockerfile: "from the context; a path outside of it is allowed",
    args: "without a value: from the environment",
    platforms: "one, this machine's",
    provenance: "only `false`",
    sbom: "only `false`",
    isolation: "only `default`",
    cache_from: "an image, type=registry, type=local; other types are ignored",
    cache_to: "type=registry, type=local, type=inline; other types are ignored",
  },
  refused: {
    ulimits: "RUN steps have the default limits",
  },
} as const;

export type Build = Read<typeof buildKeys>;

const longBuild = object(buildKeys, buildNotes);

export const build: Reader<Build & { readonly context: string }> = (node, path, problems) => {
  if (node.kind === "scalar") {
    const folder = context(node, path, problems);
    return folder === undefined ? undefined : { context: folder };
  }
  const read = longBuild(node, path, problems);
  if (!read) return undefined;
  if (read.dockerfile !== undefined && read.dockerfile_inline !== undefined) {
    problems.invalid(node.at, path, "'dockerfile' and 'dockerfile_inline' exclude each other");
  }
  if ((read.platforms?.length ?? 0) > 1) {
    problems.unimplemented(node.at, `${path}.platforms`, "images for several platforms are not supported");
  }
  return { ...read, context: read.context ?? resolve(node.at.source.directory) };
};
