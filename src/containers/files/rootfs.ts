import { existsSync } from "node:fs";
import { KeyedLock } from "../../base/index.ts";
import type { LayerStore } from "../../layers/index.ts";
import type { ContainerRecord } from "../record.ts";
import { closeWritableLayer, openWritableLayer, writableLayerOf } from "./writable-layer.ts";

/**
 * Root filesystems on the host, mounted as long as somebody uses them: the running container, or a copy in or out of
 * a stopped one.
 */
export interface Rootfs {
  /** Mounts it if it is not; returns the path of the root directory. Each `acquire` needs one `release`. */
  acquire(record: ContainerRecord): Promise<string>;
  release(record: ContainerRecord): Promise<void>;
  /** Counts a mount that was already there when the daemon started. */
  adopt(record: ContainerRecord): void;
  /** Unmounts whoever uses it: the container is going. Users learn of it through `signalOf`. */
  evict(record: ContainerRecord): Promise<void>;
  /** Aborts when the root filesystem is taken away. */
  signalOf(record: ContainerRecord): AbortSignal;
}

interface Use {
  count: number;
  readonly gone: AbortController;
}

export function createRootfs(layers: Pick<LayerStore, "mount" | "unmount">): Rootfs {
  const uses = new Map<string, Use>();
  const locks = new KeyedLock();
  const unmount = async (record: ContainerRecord) => {
    await layers.unmount(overlayOf(record));
    if (writableLayerOf(record.container)) await closeWritableLayer(overlayOf(record));
  };
  const useOf = (id: string) => {
    const use = uses.get(id) ?? { count: 0, gone: new AbortController() };
    uses.set(id, use);
    return use;
  };
  return {
    acquire(record) {
      const { id } = record.container;
      return locks.run(id, async () => {
        const use = useOf(id);
        const directory = overlayOf(record);
        // What a container of --rm writes goes with it, so its unmounting need not wait for the disk.
        const volatile = record.container.spec.autoRemove ?? false;
        if (use.count === 0) {
          try {
            await openWritableLayer(record.container, directory);
            await layers.mount({ layers: record.layers, directory, volatile });
          } catch (error) {
            await unmount(record);
            throw error;
          }
        }
        use.count++;
        return rootOf(record);
      });
    },
    release(record) {
      const { id } = record.container;
      return locks.run(id, async () => {
        const use = uses.get(id);
        if (!use || --use.count > 0) return;
        uses.delete(id);
        await unmount(record);
      });
    },
    adopt: (record) => void useOf(record.container.id).count++,
    evict(record) {
      const { id } = record.container;
      return locks.run(id, async () => {
        uses.get(id)?.gone.abort(new Error("the container is being removed"));
        uses.delete(id);
        await unmount(record);
      });
    },
    signalOf: (record) => useOf(record.container.id).gone.signal,
  };
}

/** What the container has written, the overlay's upper directory, until disposed. It may be missing. */
export async function openWritten(
  rootfs: Rootfs,
  record: ContainerRecord,
): Promise<AsyncDisposable & { readonly upper: string }> {
  const limited = writableLayerOf(record.container);
  const stack = new AsyncDisposableStack();
  // One that never ran has written nothing.
  if (limited && existsSync(limited.path)) {
    await rootfs.acquire(record);
    stack.defer(() => rootfs.release(record));
  }
  return Object.assign(stack, { upper: `${overlayOf(record)}/upper` });
}

/** The folder of the overlay: `upper`, `work` and `merged`. */
export function overlayOf(record: ContainerRecord): string {
  return `${record.container.folder}/overlay`;
}

/** Where the root filesystem is while it is mounted. */
export function rootOf(record: ContainerRecord): string {
  return `${overlayOf(record)}/merged`;
}
