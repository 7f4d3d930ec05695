import { mkdir, stat } from "node:fs/promises";
import { isAbsolute, posix } from "node:path";
import { errnoOf, fail, newId } from "../base/index.ts";
import type { ImageProcess } from "../images/index.ts";
import type { Volumes } from "../volumes/index.ts";
import type { ResolvedMount } from "./container.ts";
import type { ContainerSpec, MountSpec } from "./spec.ts";
import { together } from "./together.ts";

/** What is to be mounted, before anything of it exists. */
export interface MountPlan {
  /** Of other containers. */
  readonly inherited: readonly ResolvedMount[];
  readonly wanted: readonly MountSpec[];
  /** Names chosen for the volumes that were asked for without one. */
  readonly anonymous: ReadonlySet<string>;
}

/**
 * Puts together what was asked for: the image's volumes become anonymous ones unless something else is mounted there.
 * `mountsOf` gives the mounts of another container, for `volumesFrom`.
 */
export function planMounts(
  spec: ContainerSpec,
  process: ImageProcess,
  mountsOf: (container: string) => readonly ResolvedMount[],
): MountPlan {
  const wanted = (spec.mounts ?? []).map((mount) => ({ ...mount, target: checkTarget(mount.target) }));
  refuseDuplicates(wanted.map((mount) => mount.target));
  const taken = new Set(wanted.map((mount) => mount.target));
  const inherited = (spec.volumesFrom ?? [])
    .flatMap((from) => mountsFrom(from, mountsOf))
    .filter((mount) => !taken.has(mount.target));
  const unique = new Map(inherited.map((mount) => [mount.target, mount]));
  for (const target of Object.keys(process.Volumes ?? {})) {
    const clean = checkTarget(target);
    if (!taken.has(clean) && !unique.has(clean)) wanted.push({ type: "volume", target: clean });
    taken.add(clean);
  }
  const anonymous = new Set<string>();
  const named = wanted.map((mount) => {
    if (mount.type !== "volume" || (mount.name !== undefined && mount.name !== "")) return mount;
    const name = newId();
    anonymous.add(name);
    return { ...mount, name };
  });
  return { inherited: [...unique.values()], wanted: named, anonymous };
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
      if (mount.type === "bind") return await resolveBind(mount);
      if (mount.type === "volume") return await resolveVolume(mount, plan, volumes, undo);
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

function mountsFrom(
  from: string,
  mountsOf: (container: string) => readonly ResolvedMount[],
): readonly ResolvedMount[] {
  const [container, mode = "rw", ...rest] = from.split(":");
  if (!container || rest.length > 0 || !/^(rw|ro|z|Z)(,(rw|ro|z|Z))*$/.test(mode)) {
    throw fail("invalid", "mount.volumes-from-invalid", `invalid volumes-from: ${from}`, {
      hint: "write it like NAME or NAME:ro",
    });
  }
  const readOnly = mode.split(",").includes("ro");
  return mountsOf(container)
    .filter((mount) => mount.type !== "tmpfs")
    .map((mount) => (readOnly ? { ...mount, readOnly } : mount));
}

async function resolveBind(mount: MountSpec & { type: "bind" }): Promise<ResolvedMount> {
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
    propagation: mount.propagation ?? "rprivate",
    recursive: !mount.nonRecursive,
  };
}

async function createDirectory(source: string): Promise<void> {
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
  if (mount.subpath !== undefined && mount.subpath !== "") {
    throw fail(
      "unimplemented",
      "mount.subpath",
      `a volume's subpath ('${mount.subpath}') is not supported yet`,
      { hint: "mount the whole volume, or a folder of the host" },
    );
  }
  const name = mount.name!;
  const anonymous = plan.anonymous.has(name);
  const volume = await volumes.create({
    name,
    ...(anonymous ? { anonymous } : {}),
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
  };
}

function tmpfsOptions(mount: MountSpec & { type: "tmpfs" }): readonly string[] {
  const own = mount.options ?? [];
  return [
    ...own,
    ...(mount.size === undefined || mount.size === 0 ? [] : [`size=${mount.size}`]),
    ...(mount.mode === undefined || mount.mode === 0 ? [] : [`mode=${mount.mode.toString(8)}`]),
  ];
}
