import { resolve } from "node:path";
import { fail } from "../../base/index.ts";
import type { ContainerSpec } from "../spec.ts";

/** PATH_MAX of the kernel, with its final zero; nothing that names something is longer. */
const longestName = 4095;
/** MAX_ARG_STRLEN, with its final zero: of one argument or variable of a program. */
const longestArgument = 128 * 1024 - 1;

/**
 * Refuses texts that no kernel takes, before anything is made: an OCI runtime says such a text again when it fails, and
 * more than conmon's pipe holds would keep both waiting for ever.
 */
export function checkTexts(spec: ContainerSpec): void {
  // What a container is labelled with goes to nobody but clients; a seccomp profile is a text of many lines.
  const {
    labels: _labels,
    annotations: _annotations,
    security,
    env,
    command,
    entrypoint,
    healthcheck,
    ...names
  } = spec;
  const { seccomp: _profile, written: _same, ...options } = security ?? {};
  checkLengths({ ...names, security: options }, longestName, []);
  checkLengths({ env, command, entrypoint, healthcheck }, longestArgument, []);
  checkHostname(spec);
  checkPaths(spec);
  for (const variable of env ?? []) {
    if (variable === "" || variable.startsWith("=")) {
      throw fail("invalid", "container.variable", `invalid environment variable: ${variable}`, {
        hint: "write NAME=VALUE",
      });
    }
  }
}

function checkLengths(value: unknown, most: number, path: readonly string[]): void {
  if (typeof value === "string") {
    if (value.length <= most && Buffer.byteLength(value) <= most) return;
    throw fail("invalid", "container.text-too-long", `${path.join(".")}: a text of more than ${most} bytes`);
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    checkLengths(name, longestName, [...path, "a name"]);
    checkLengths(inner, most, [...path, name]);
  }
}

function checkPaths({ security, resources }: ContainerSpec): void {
  for (const path of [...(security?.maskedPaths ?? []), ...(security?.readonlyPaths ?? [])]) {
    checkPath(path, "masked or read-only path");
  }
  for (const { hostPath, containerPath } of resources?.devices ?? []) {
    checkPath(containerPath || hostPath, "path of a device in a container");
  }
  const parent = resources?.cgroupParent;
  if (parent !== undefined) checkPath(resolve("/", parent, "container"), "cgroup parent");
}

/** A path that the kernel takes, below the root. */
function checkPath(path: string, what: string): void {
  const fits =
    Buffer.byteLength(path) < 4096 &&
    !/\p{Cc}/u.test(path) &&
    path.split("/").every((one) => Buffer.byteLength(one) < 256);
  if (fits && path.startsWith("/") && resolve(path) !== "/") return;
  throw fail("invalid", "container.path", `invalid ${what}: '${path}'`, {
    hint: "write it from the root on: /…",
  });
}

/** The kernel's longest (HOST_NAME_MAX); what is not printable would make further lines of /etc/hosts. */
function checkHostname({ hostname = "", domainname = "" }: ContainerSpec): void {
  for (const name of [hostname, domainname]) {
    if (Buffer.byteLength(name) > 64 || /[\s\p{C}]/u.test(name)) {
      throw fail("invalid", "container.hostname", `invalid hostname format: '${name}'`, {
        hint: "at most 64 bytes, without spaces",
      });
    }
  }
}
