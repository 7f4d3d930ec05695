import { mkdir, stat } from "node:fs/promises";
import { isAbsolute, posix } from "node:path";
import { errnoOf, fail, isVirgaError, newId, type VirgaError } from "../../base/index.ts";
import type { ImageProcess } from "../../images/index.ts";
import type { Volume, Volumes, VolumeSpec } from "../../volumes/index.ts";
import type { ResolvedMount } from "../container.ts";
import type { ContainerSpec, MountSpec } from "../spec.ts";
import { together } from "../lifecycle/together.ts";

/** What is to be mounted, before anything of it exists. */
export interface MountPlan {
  /** Of other containers. */
  readonly inherited: readonly ResolvedMount[];
  readonly wanted: readonly MountSpec[];
  /** Names chosen for the volumes that were asked for without one. */
  readonly anonymous: ReadonlySet<string>;
  /** Those that are mounted, by the name that was asked for. */
  readonly images: ReadonlyMap<string, MountedImage>;
  readonly daemonRoot: string;
}

export type MountedImage = Pick<Extract<ResolvedMount, { type: "image" }>, "imageId" | "layers">;

/** What planning needs to know of others. */
export interface MountOrigins {
  /** The mounts of another container, for `volumesFrom`. */
  readonly mountsOf: (container: string) => readonly ResolvedMount[];
  /** Throws `not-found` / `image.not-found`. */
  readonly imageOf: (name: string) => MountedImage;
  readonly daemonRoot: string;
}

/**
 * Puts together what was asked for: the image's volumes become anonymous ones unless something else is mounted there.
 */
export function planMounts(spec: ContainerSpec, process: ImageProcess, origins: MountOrigins): MountPlan {
  const wanted = (spec.mounts ?? []).map((mount) => ({ ...mount, target: checkTarget(mount.target) }));
  refuseDuplicates(wanted.map((mount) => mount.target));
  const taken = new Set(wanted.map((mount) => mount.target));
  const inherited = (spec.volumesFrom ?? [])
    .flatMap((from) => mountsFrom(from, origins))
    .filter((mount) => !taken.has(mount.target));
  const unique = new Map(inherited.map((mount) => [mount.target, mount]));
  for (const target of Object.keys(process.Volumes ?? {})) {
    const clean = checkTarget(target);
    if (!taken.has(clean) && !unique.has(clean)) {
      const { volumeDriver: driver } = spec;
      wanted.push({ type: "volume", target: clean, ...(driver === undefined ? {} : { driver }) });
    }
    taken.add(clean);
  }
  const anonymous = new Set<string>();
  const named = wanted.map((mount) => {
    if (mount.type !== "volume" || (mount.name !== undefined && mount.name !== "")) return mount;
    const name = newId();
    anonymous.add(name);
    return { ...mount, name };
  });
  const sources = wanted.flatMap((mount) => (mount.type === "image" ? [mount.source] : []));
  const images = new Map(sources.map((source) => [source, origins.imageOf(source)]));
  return {
    inherited: [...unique.values()],
    wanted: named,
    anonymous,
    images,
    daemonRoot: origins.daemonRoot,
  };
}

/**
 * Makes what was planned exist: bind sources are checked (or made), volumes are created. Sorted so that a mount comes
 * after those it lies in. `undo` gets the removal of the anonymous volumes; named ones stay, as with Docker.
 */
export async function resolveMounts(
  plan: MountPlan,
  volumes: Pick<Volumes, "create" | "remove">,
  undo: AsyncDisposableStack,
): Promise<ResolvedMount[]> {
  const resolved = await together(
    plan.wanted.map(async (mount): Promise<ResolvedMount> => {
      if (mount.type === "bind") return await resolveBind(mount, plan.daemonRoot);
      if (mount.type === "volume") return await resolveVolume(mount, plan, volumes, undo);
      if (mount.type === "image") return resolveImage(mount, plan);
      return { type: "tmpfs", target: mount.target, options: tmpfsOptions(mount) };
    }),
  );
  return sortMounts([...plan.inherited, ...resolved]);
}

/** So that a mount comes after the one it lies in. */
export function sortMounts(mounts: readonly ResolvedMount[]): ResolvedMount[] {
  return mounts.toSorted((a, b) => depth(a.target) - depth(b.target));
}

function depth(target: string): number {
  return target.split("/").length;
}

function checkTarget(target: string): string {
  if (!isAbsolute(target)) {
    throw fail(
      "invalid",
      "mount.target-invalid",
      `invalid mount config: mount path must be absolute: '${target}'`,
    );
  }
  const clean = posix.normalize(target).replace(/(?<=.)\/$/, "");
  if (clean === "/") {
    throw fail("invalid", "mount.target-invalid", "invalid specification: destination can't be '/'");
  }
  return clean;
}

function refuseDuplicates(targets: readonly string[]): void {
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice === undefined) return;
  throw fail("invalid", "mount.duplicate", `Duplicate mount point: ${twice}`, {
    hint: "mount one thing at each path of the container",
  });
}

function mountsFrom(from: string, { mountsOf }: MountOrigins): readonly ResolvedMount[] {
  const [, container = "", mode = "rw"] = /^([^:]*):?(.*)$/s.exec(from) ?? [];
  const words = mode === "" ? [] : mode.split(",");
  if (container === "" || !words.every((word) => /^(rw|ro|z|Z|consistent|cached|delegated)$/.test(word))) {
    throw fail("invalid", "mount.volumes-from-invalid", `invalid mode: ${mode}`, {
      hint: "write --volumes-from like NAME or NAME:ro",
    });
  }
  const readOnly = words.includes("ro");
  return (
    othersMounts(container, mountsOf)
      .filter((mount) => mount.type !== "tmpfs")
      // What is in a volume by now is not to be covered with the files of another image.
      .map((mount) => (mount.type === "volume" ? { ...mount, noCopy: true } : mount))
      .map((mount) => (readOnly && mount.type !== "image" ? { ...mount, readOnly } : mount))
  );
}

/** Docker's status: the request is wrong, not the address that it was sent to. */
function othersMounts(container: string, mountsOf: MountOrigins["mountsOf"]): readonly ResolvedMount[] {
  try {
    return mountsOf(container);
  } catch (error) {
    if (!isVirgaError(error, "not-found")) throw error;
    throw fail("invalid", "mount.volumes-from-invalid", error.message, { cause: error });
  }
}

function resolveImage(mount: MountSpec & { type: "image" }, plan: MountPlan): ResolvedMount {
  const { source, target, subpath } = mount;
  if (subpath !== undefined) checkSubpath("image", subpath);
  return { type: "image", source, target, ...plan.images.get(source)!, ...(subpath ? { subpath } : {}) };
}

function checkSubpath(type: "image" | "volume", subpath: string): void {
  const clean = posix.normalize(subpath);
  if (!isAbsolute(subpath) && clean !== ".." && !clean.startsWith("../")) return;
  throw fail(
    "invalid",
    "mount.subpath-invalid",
    `invalid mount config for type "${type}": subpath must be a relative path within the volume`,
  );
}

async function resolveBind(mount: MountSpec & { type: "bind" }, daemonRoot: string): Promise<ResolvedMount> {
  if (!isAbsolute(mount.source)) {
    throw fail(
      "invalid",
      "mount.source-invalid",
      `invalid mount config for type "bind": invalid mount path: '${mount.source}' mount path must be absolute`,
    );
  }
  const source = posix.normalize(mount.source).replace(/(?<=.)\/$/, "");
  if (mount.createSource) await createDirectory(source);
  else await checkSource(source);
  return {
    type: "bind",
    source,
    target: mount.target,
    readOnly: mount.readOnly ?? false,
    ...propagationOf(mount, source, daemonRoot),
    recursive: !mount.nonRecursive,
    ...(mount.mode === undefined ? {} : { mode: mount.mode }),
    ...(mount.createSource ? { createSource: true } : {}),
    ...(mount.readOnlyBelow === undefined ? {} : { readOnlyBelow: mount.readOnlyBelow }),
  };
}

/**
 * A folder that holds the daemon's root shows the files of all containers: what is unmounted on the host must not live
 * on in there, or nothing of a container could be removed any more. Docker's rule, and its words.
 */
function propagationOf(
  { propagation, nonRecursive }: MountSpec & { type: "bind" },
  source: string,
  daemonRoot: string,
): Pick<ResolvedMount & { type: "bind" }, "propagation" | "fallsBack"> {
  const holdsRoot = `${daemonRoot}/`.startsWith(source === "/" ? "/" : `${source}/`) && !nonRecursive;
  if (!holdsRoot) return { propagation: propagation ?? "rprivate" };
  if (propagation === undefined) return { propagation: "rslave", fallsBack: true };
  if (propagation === "rslave" || propagation === "rshared") return { propagation };
  throw fail(
    "invalid",
    "mount.daemon-root",
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, ` +
      `daemon root: "${daemonRoot}", bind mount source: "${source}", propagation: "${propagation}"`,
  );
}

/** As `-v` makes what it names. */
export async function createDirectory(source: string): Promise<void> {
  try {
    await mkdir(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return; // a file, a socket or a device: bound as it is
    throw fail(
      "invalid",
      "mount.source-not-made",
      `error while creating mount source path '${source}': ${String(error)}`,
      { cause: error },
    );
  }
}

async function checkSource(source: string): Promise<void> {
  try {
    await stat(source);
  } catch (error) {
    throw fail(
      "invalid",
      "mount.source-missing",
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      { cause: error, hint: `make it first: mkdir -p '${source}'` },
    );
  }
}

async function resolveVolume(
  mount: MountSpec & { type: "volume" },
  plan: MountPlan,
  volumes: Pick<Volumes, "create" | "remove">,
  undo: AsyncDisposableStack,
): Promise<ResolvedMount> {
  if (mount.subpath !== undefined) checkSubpath("volume", mount.subpath);
  const name = mount.name!;
  const anonymous = plan.anonymous.has(name);
  const volume = await createdVolume(volumes, {
    name,
    ...(anonymous ? { anonymous } : {}),
    ...(mount.driver === undefined ? {} : { driver: mount.driver }),
    ...(mount.driverOptions === undefined ? {} : { options: mount.driverOptions }),
    ...(mount.labels === undefined ? {} : { labels: mount.labels }),
  });
  if (anonymous) undo.defer(() => volumes.remove(name, true));
  return {
    type: "volume",
    name,
    source: volume.path,
    target: mount.target,
    readOnly: mount.readOnly ?? false,
    anonymous,
    noCopy: mount.noCopy ?? false,
    ...(mount.subpath ? { subpath: mount.subpath } : {}),
    ...(mount.mode === undefined ? {} : { mode: mount.mode }),
  };
}

/** A driver that is not there: Docker's client takes `not found` for a missing image. */
async function createdVolume(volumes: Pick<Volumes, "create">, spec: VolumeSpec): Promise<Volume> {
  try {
    return await volumes.create(spec);
  } catch (error) {
    if (!isVirgaError(error, "not-found")) throw error;
    throw fail("invalid", error.code, error.message, { cause: error, ...hintOf(error) });
  }
}

function hintOf({ hint }: VirgaError): { readonly hint?: string } {
  return hint === undefined ? {} : { hint };
}

function tmpfsOptions(mount: MountSpec & { type: "tmpfs" }): readonly string[] {
  const own = mount.options ?? [];
  return [
    ...own,
    ...(mount.size === undefined || mount.size === 0 ? [] : [`size=${mount.size}`]),
    ...(mount.mode === undefined || mount.mode === 0 ? [] : [`mode=${mount.mode.toString(8)}`]),
  ];
}
