import { resolve } from "node:path";
import { hostList } from "./service-values.ts";
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
  text,
  type Keys,
  type Read,
  type Reader,
} from "./readers.ts";

/** A build context: a folder. Addresses of repositories are refused. */
const context: Reader<string> = (node, path, problems) => {
  const value = text(node, path, problems);
  if (value !== undefined && /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|\.git(#|$)/.test(value)) {
    problems.unimplemented(
      node.at,
      path,
      `a build from '${value}' is not supported; fetch it and name its folder`,
    );
    return undefined;
  }
  return hostPath(node, path, problems);
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
  provenance: off,
  sbom: off,
  isolation: choice("default"),
} satisfies Keys;

export const buildNotes = {
  notes: {
    context: "a folder; default: the project directory",
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
    additional_contexts: "COPY from the context or from an image instead",
    entitlements: "RUN steps have the default privileges",
    privileged: "RUN steps have the default privileges",
    secrets: "builds have no secrets",
    ssh: "builds cannot use an SSH agent",
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
