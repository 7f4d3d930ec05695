import { posix } from "node:path";
import { fail } from "../../base/index.ts";
import type { HealthcheckConfig, ImageProcess } from "../../images/index.ts";
import type { ContainerSpec } from "../spec.ts";
import type { ResolvedUser } from "./input.ts";

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The image's process with the spec's values over it, by Docker's rules: what Container.process holds. Throws
 * `invalid` / `container.no-command` and `container.working-dir-invalid`.
 */
export function mergeProcess(image: ImageProcess, spec: ContainerSpec): ImageProcess {
  const merged = overlayProcess(image, processOfSpec(spec));
  if ((merged.Entrypoint ?? []).length > 0 || (merged.Cmd ?? []).length > 0) return merged;
  throw fail("invalid", "container.no-command", "no command specified", {
    hint: "the image names no command: give one after the image's name",
  });
}

/** What a spec says of the process, and nothing of the image. */
export function processOfSpec(spec: Omit<ContainerSpec, "image">): ImageProcess {
  const ports = (spec.exposedPorts ?? []).map((port) => [portKey(port), {}] as const);
  return {
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.env === undefined ? {} : { Env: spec.env }),
    ...(spec.labels === undefined ? {} : { Labels: spec.labels }),
    ...(spec.user ? { User: spec.user } : {}),
    ...(spec.workingDir ? { WorkingDir: spec.workingDir } : {}),
    ...(spec.healthcheck === undefined ? {} : { Healthcheck: spec.healthcheck }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.stopTimeout === undefined ? {} : { StopTimeout: spec.stopTimeout }),
    ...(ports.length > 0 ? { ExposedPorts: Object.fromEntries(ports) } : {}),
  };
}

/** `own` over `base`, by the rules for containers; the result need not name a command. */
export function overlayProcess(base: ImageProcess, own: ImageProcess): ImageProcess {
  const user = own.User || base.User;
  const asked = own.WorkingDir || base.WorkingDir;
  const workingDir = asked && posix.normalize(asked).replace(/(?<=.)\/$/, "");
  if (workingDir && !workingDir.startsWith("/")) {
    throw fail(
      "invalid",
      "container.working-dir-invalid",
      `the working directory '${asked}' is invalid, it needs to be an absolute path`,
    );
  }
  const healthcheck = mergeHealthcheck(base.Healthcheck, own.Healthcheck);
  const stopSignal = own.StopSignal ?? base.StopSignal;
  const stopTimeout = own.StopTimeout ?? base.StopTimeout;
  const ports = { ...base.ExposedPorts, ...own.ExposedPorts };
  const volumes = { ...base.Volumes, ...own.Volumes };
  return {
    ...base,
    ...mergeCommand(base, own),
    Env: mergeEnv(own.Env ?? [], base.Env ?? []),
    Labels: { ...base.Labels, ...own.Labels },
    ...(user ? { User: user } : {}),
    ...(workingDir ? { WorkingDir: workingDir } : {}),
    ...(healthcheck ? { Healthcheck: healthcheck } : {}),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    ...(Object.keys(ports).length > 0 ? { ExposedPorts: ports } : {}),
    ...(Object.keys(volumes).length > 0 ? { Volumes: volumes } : {}),
  };
}

function portKey(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

/** An entrypoint of one's own drops the image's command; `[""]` means none at all. */
function mergeCommand(
  base: ImageProcess,
  own: ImageProcess,
): { Entrypoint: readonly string[]; Cmd: readonly string[] } {
  const ownEntrypoint = own.Entrypoint !== undefined && own.Entrypoint.length > 0;
  const entrypoint = own.Entrypoint ?? base.Entrypoint ?? [];
  const ownCommand = own.Cmd !== undefined && own.Cmd.length > 0;
  const command = ownCommand ? own.Cmd : ownEntrypoint ? [] : (base.Cmd ?? []);
  const reset = entrypoint.length === 1 && entrypoint[0] === "";
  return { Entrypoint: reset ? [] : entrypoint, Cmd: command };
}

/** The spec's variables first, then those of the image that it doesn't name; `KEY` alone, which stays, removes one. */
function mergeEnv(own: readonly string[], image: readonly string[]): string[] {
  const keyOf = (entry: string) => entry.split("=", 1)[0]!;
  const named = new Set(own.map(keyOf));
  const last = new Map(own.map((entry) => [keyOf(entry), entry]));
  return [...last.values(), ...image.filter((entry) => !named.has(keyOf(entry)))];
}

/** Durations and counts that the spec leaves out come from the image. */
function mergeHealthcheck(
  image: HealthcheckConfig | undefined,
  own: HealthcheckConfig | undefined,
): HealthcheckConfig | undefined {
  if (own === undefined || image === undefined) return own ?? image;
  const given = Object.entries(own).filter(([, value]) => value !== 0 && value !== undefined);
  const merged = { ...image, ...Object.fromEntries(given) };
  return own.Test?.length ? merged : { ...merged, ...(image.Test ? { Test: image.Test } : {}) };
}

/** The environment of a container's first process: Docker's defaults under the merged variables. */
export function environment(
  process: ImageProcess,
  spec: ContainerSpec,
  hostname: string,
  user: ResolvedUser,
  linked: readonly string[] = [],
): string[] {
  const terminal = spec.tty ? ["TERM=xterm"] : [];
  const defaults = [`PATH=${defaultPath}`, `HOSTNAME=${hostname}`, ...terminal, ...linked];
  return withHome(overlayEnv(defaults, process.Env ?? []), user);
}

const homeOfNobody = "HOME=/";

/**
 * HOME is left to the OCI runtime, which takes it from the container's /etc/passwd, so that an exec as another user
 * gets its own; but for a user that has no entry there, and for whom crun sets none.
 */
export function withHome(env: readonly string[], user: ResolvedUser): string[] {
  const rest = env.filter((entry) => entry !== homeOfNobody);
  if (rest.some((entry) => entry.startsWith("HOME="))) return rest;
  return user.home === "/" ? [...rest, homeOfNobody] : rest;
}

/** `over` replaces variables of `base` in place and adds the rest; `KEY` alone removes one. */
export function overlayEnv(base: readonly string[], over: readonly string[]): string[] {
  const variables = new Map<string, string | undefined>();
  for (const entry of [...base, ...over]) {
    const at = entry.indexOf("=");
    if (at < 0) variables.delete(entry);
    else variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return [...variables].map(([key, value]) => `${key}=${value}`);
}
