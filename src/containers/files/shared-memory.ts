import { mkdirSync } from "node:fs";
import { fail } from "../../base/index.ts";
import { isMountPoint, mount, mountFlags, unmountAll } from "../../host/index.ts";
import type { Container } from "../container.ts";
import type { Registry } from "../registry.ts";

/** Docker's default size of /dev/shm. */
const defaultSize = 64 * 1024 * 1024;

/**
 * The /dev/shm of containers that share their IPC: a tmpfs on the host, mounted in the folder of the one that is
 * `shareable` while it runs, and bound into those that join it. All others have a tmpfs of their own, and undefined.
 * Throws `conflict` / `container.ipc-not-shareable` in Docker's words.
 */
export function openSharedMemory(
  container: Container,
  registry: Pick<Registry, "resolve">,
  undo: AsyncDisposableStack,
): string | undefined {
  const mode = container.spec.namespaces?.ipc ?? "";
  if (mode === "shareable") {
    undo.defer(() => closeSharedMemory(container));
    return mountFor(container);
  }
  if (!mode.startsWith("container:")) return undefined;
  const owner = registry.resolve(mode.slice("container:".length)).record.container;
  if (owner.spec.namespaces?.ipc === "shareable") return folderOf(owner);
  throw fail(
    "conflict",
    "container.ipc-not-shareable",
    `can't join IPC of container ${owner.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}

/** Those that have joined it keep it until they end. */
export function closeSharedMemory(container: Pick<Container, "folder" | "spec">): void {
  if (container.spec.namespaces?.ipc === "shareable") unmountAll(folderOf(container), { lazy: true });
}

export function folderOf({ folder }: Pick<Container, "folder">): string {
  return `${folder}/shm`;
}

function mountFor(container: Container): string {
  const path = folderOf(container);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (isMountPoint(path)) return path;
  const flags = mountFlags.noSuid | mountFlags.noExec | mountFlags.noDev;
  mount("shm", path, "tmpfs", flags, `mode=1777,size=${container.spec.shmSize || defaultSize}`);
  return path;
}
