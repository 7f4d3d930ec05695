import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { fail, isVirgaError, newId, toVirgaError } from "../../base/index.ts";
import { bindHeld, openBeneath, unmountAll } from "../../host/index.ts";
import type { Container, HostMount, ResolvedMount } from "../container.ts";
import type { Engine } from "../engine.ts";
import { volumesOf } from "../lifecycle/create.ts";
import { createDirectory } from "./mounts.ts";

/**
 * Makes what a container mounts reachable on the host, and tells where it is: volumes with options are mounted, for
 * `user` until `undo`; subpaths and images are mounted in the container's folder until `temporary`, for whoever binds
 * them keeps them.
 *
 * ```text
 * CONTAINER/mounts/N          what a subpath leads to: held open, then bound, so nobody can lead it elsewhere
 * CONTAINER/mounts/N/merged   the files of an image
 * ```
 */
export async function openSources(
  engine: Engine,
  container: Container,
  user: string,
  undo: AsyncDisposableStack,
  temporary: AsyncDisposableStack,
): Promise<readonly HostMount[]> {
  const result: HostMount[] = [];
  for (const name of new Set(volumesOf(container.mounts))) {
    undo.defer(() => engine.volumes.release(name, user));
    await engine.volumes.acquire(name, user);
  }
  for (const mount of container.mounts) {
    if (mount.type === "bind" && mount.createSource) await createDirectory(mount.source);
    if (mount.type === "tmpfs" || mount.type === "bind") result.push(mount);
    else if (mount.type === "image") result.push(await openImage(engine, container, mount, temporary));
    else if (mount.subpath === undefined) result.push(mount);
    else {
      const source = openSubpath(container, mount.source, mount.subpath, temporary);
      result.push({ ...mount, source });
    }
  }
  return result;
}

async function openImage(
  engine: Engine,
  container: Container,
  { target, layers, subpath }: Extract<ResolvedMount, { type: "image" }>,
  temporary: AsyncDisposableStack,
): Promise<HostMount> {
  const directory = newFolder(container);
  temporary.defer(async () => {
    await engine.layers.unmount(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  const root = await engine.layers.mount({ layers, directory, readOnly: true });
  const source = subpath === undefined ? root : openSubpath(container, root, subpath, temporary);
  return { type: "bind", source, target, readOnly: true, propagation: "rprivate", recursive: true };
}

function openSubpath(
  container: Container,
  root: string,
  subpath: string,
  temporary: AsyncDisposableStack,
): string {
  const target = newFolder(container);
  try {
    using held = openBeneath(root, subpath);
    temporary.defer(() => {
      unmountAll(target, { lazy: true });
      rmSync(target, { recursive: true, force: true });
    });
    bindHeld(held, target);
    return target;
  } catch (error) {
    if (!isVirgaError(error)) throw error;
    const text =
      error.code === "host.escapes"
        ? `path '${subpath}' is not inside the volume: a symbolic link leads out of it`
        : `cannot access path ${root}/${subpath}: no such file or directory`;
    throw fail(error.kind === "invalid" ? "invalid" : "not-found", "mount.subpath", text, { cause: error });
  }
}

function folderOf({ folder }: Pick<Container, "folder">): string {
  return `${folder}/mounts`;
}

function newFolder(container: Container): string {
  mkdirSync(folderOf(container), { recursive: true, mode: 0o700 });
  return `${folderOf(container)}/${newId().slice(0, 12)}`;
}

/** What a daemon that died in a start has left. */
export function sweepSources(container: Pick<Container, "folder">): void {
  const folder = folderOf(container);
  if (!existsSync(folder)) return;
  unmountAll(folder, { lazy: true });
  for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`, { recursive: true, force: true });
  rmdirSync(folder);
}

/** The container has ended. Never throws: what stays mounted is swept by the next daemon. */
export async function releaseVolumes(engine: Engine, { id, mounts }: Container): Promise<void> {
  for (const name of new Set(volumesOf(mounts))) {
    try {
      await engine.volumes.release(name, id);
    } catch (error) {
      engine.logger.warn("a volume stays mounted", {
        container: id,
        volume: name,
        error: toVirgaError(error),
      });
    }
  }
}
