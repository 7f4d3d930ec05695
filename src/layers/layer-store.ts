import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, fail, KeyedLock, type Logger } from "../base/index.ts";
import type { ContentStore, Descriptor } from "../content/index.ts";
import { removeTree } from "../host/index.ts";
import { LayerIndex, type LayerRecord } from "./layer-index.ts";
import type { Change, DiffId, LayerInfo, LayerStore, OverlayMount } from "./layer.ts";
import { mountStack, unmountStack } from "./overlay.ts";
import { createSettler, type Settler } from "./settler.ts";
import { defaultLimits } from "./worker/limits.ts";
import type { TreeWorkers } from "./worker/pool.ts";
import type { PackResult, UnpackResult } from "./worker/protocol.ts";

export interface LayerStoreDependencies {
  /** `ROOT/layers`; made when missing. Must be on the filesystem of the content store and the containers. */
  readonly directory: string;
  readonly content: ContentStore;
  readonly workers: TreeWorkers;
  readonly logger: Logger;
  /** Names this boot of the machine; from the kernel by default. */
  readonly boot?: string;
}

export interface DurableLayerStore extends LayerStore {
  /**
   * Resolves once all layers made so far are on disk. A daemon that stops waits for it; one that is killed does no
   * harm, since the next one flushes them.
   */
  flushed(): Promise<void>;
}

/** Layers are stored uncompressed: making one is fast, and a push can compress as the registry likes. */
export const layerMediaType = "application/vnd.oci.image.layer.v1.tar";

const layerMediaTypes = new Set([
  layerMediaType,
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
]);

/** Opens the store, sweeps what a crash left, and makes again what a power cut may have damaged. */
export async function createLayerStore(dependencies: LayerStoreDependencies): Promise<DurableLayerStore> {
  const boot = dependencies.boot ?? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const index = new LayerIndex(dependencies.directory, boot);
  const doubtful = await index.load(dependencies.logger);
  const store = new DirectoryLayerStore(index, dependencies);
  for (const { source, diffId } of doubtful) {
    if (!dependencies.content.has(source.digest)) continue;
    await store.unpack(source, { expected: diffId }).catch((error: unknown) => {
      dependencies.logger.warn("a layer can't be made again", { layer: diffId, error });
    });
  }
  return store;
}

class DirectoryLayerStore implements DurableLayerStore {
  readonly #index: LayerIndex;
  readonly #content: ContentStore;
  readonly #workers: TreeWorkers;
  readonly #locks = new KeyedLock();
  readonly #settler: Settler;

  constructor(index: LayerIndex, { content, workers, logger }: LayerStoreDependencies) {
    this.#index = index;
    this.#content = content;
    this.#workers = workers;
    this.#settler = createSettler(index, workers, logger);
    if (index.unsettled().length > 0) this.#settler.ask();
  }

  flushed(): Promise<void> {
    return this.#settler.idle();
  }

  has(diffId: DiffId): boolean {
    return this.#index.get(diffId) !== undefined;
  }

  stat(diffId: DiffId): LayerInfo {
    const { size } = this.#record(diffId);
    return { diffId, size };
  }

  path(diffId: DiffId): string {
    return join(this.#index.directories, this.#record(diffId).directory);
  }

  list(): LayerInfo[] {
    return this.#index.all().map(({ diffId, size }) => ({ diffId, size }));
  }

  async unpack(...[descriptor, options = {}]: Parameters<LayerStore["unpack"]>): Promise<LayerInfo> {
    refuseMediaType(descriptor);
    const { expected, report, signal } = options;
    // Two pulls of one layer do the work once.
    using _lock = await this.#locks.acquire(expected ?? descriptor.digest);
    if (expected && this.has(expected)) return this.stat(expected);
    const { growing } = options;
    const blob = growing?.path ?? this.#content.path(descriptor.digest);
    const task = `layer ${descriptor.digest.slice(7, 19)}`;
    report?.({ task, message: "Extracting", total: descriptor.size, unit: "bytes" });
    const target = this.#index.makeTemporary();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#index.drop(target));
    const limits = { ...defaultLimits, ...options.limits };
    const complete = growing?.target ?? blob;
    const job = { kind: "unpack", blob, complete, target, limits, follow: growing !== undefined } as const;
    const input = growing && { input: asInput(growing.sizes) };
    const result = (await this.#workers.run(job, { ...input, ...(signal && { signal }) })) as UnpackResult;
    await growing?.stored;
    if (expected && result.diffId !== expected) throw mismatch(descriptor, expected, result.diffId);
    this.#publish({ ...result, source: descriptor }, target);
    report?.({ task, message: "Extracted", outcome: "done" });
    return { diffId: result.diffId, size: this.#record(result.diffId).size };
  }

  async commit(...[upper, options]: Parameters<LayerStore["commit"]>): ReturnType<LayerStore["commit"]> {
    const { move, sourceDateEpoch, since, signal } = options;
    let packed: PackResult | undefined;
    const info = await this.#content.adopt(async (output) => {
      const clamp =
        sourceDateEpoch === undefined ? {} : { sourceDateEpoch, ...(since ? { since: String(since) } : {}) };
      const job = { kind: "pack", upper, output, settle: move, ...clamp } as const;
      packed = (await this.#workers.run(job, signal ? { signal } : {})) as PackResult;
      return { digest: packed.digest, size: packed.archiveSize };
    });
    const descriptor: Descriptor = { mediaType: layerMediaType, ...info };
    const layer = { diffId: info.digest, size: packed!.size };
    const moved = move && this.#moveIn({ ...layer, source: descriptor }, upper);
    if (!moved) await this.unpack(descriptor, { expected: info.digest, ...(signal ? { signal } : {}) });
    if (move) await removeTree(upper, { within: dirname(upper) });
    return { layer, descriptor };
  }

  async remove(diffId: DiffId): Promise<void> {
    // At once, so that nothing comes between the caller's question whether it is needed and its end.
    if (!this.#locks.isHeld(diffId)) return await this.#index.remove(diffId);
    using _lock = await this.#locks.acquire(diffId);
    await this.#index.remove(diffId);
  }

  mount(overlay: OverlayMount): Promise<string> {
    return Promise.try(() =>
      mountStack({
        base: this.#index.directories,
        lower: overlay.layers.map((diffId) => this.#record(diffId).directory),
        directory: overlay.directory,
        readOnly: overlay.readOnly ?? false,
        volatile: overlay.volatile ?? false,
      }),
    );
  }

  unmount(directory: string): Promise<void> {
    return unmountStack(directory);
  }

  async changes(overlay: OverlayMount): Promise<Change[]> {
    const upper = join(overlay.directory, "upper");
    if (!existsSync(upper)) return [];
    const lower = overlay.layers.map((diffId) => this.path(diffId)).toReversed();
    return (await this.#workers.run({ kind: "changes", upper, lower })) as Change[];
  }

  /** Another blob may have brought the same layer meanwhile; then `finished` is left to the caller. */
  #publish(layer: Pick<LayerRecord, "diffId" | "size" | "source">, finished: string): boolean {
    if (this.has(layer.diffId)) return false;
    this.#index.add(layer, finished);
    this.#settler.ask();
    return true;
  }

  /** False when the layer is there already, or the directory lies on another filesystem. */
  #moveIn(layer: Pick<LayerRecord, "diffId" | "size" | "source">, upper: string): boolean {
    try {
      return this.#publish(layer, upper);
    } catch (error) {
      if (errnoOf(error) === "EXDEV") return false;
      throw error;
    }
  }

  #record(diffId: DiffId): LayerRecord {
    const record = this.#index.get(diffId);
    if (record) return record;
    throw fail("not-found", "layer.not-found", `no layer ${diffId}`, {
      hint: "pull or build the image again",
    });
  }
}

async function* asInput(sizes: AsyncIterable<number>): AsyncGenerator<Uint8Array> {
  for await (const size of sizes) yield Buffer.from(String(size));
}

function refuseMediaType(descriptor: Descriptor): void {
  if (layerMediaTypes.has(descriptor.mediaType)) return;
  throw fail(
    "unimplemented",
    "layer.media-type",
    `layers of the type '${descriptor.mediaType}' are not supported`,
  );
}

function mismatch(descriptor: Descriptor, expected: DiffId, got: DiffId): Error {
  return fail(
    "data-loss",
    "layer.diff-id-mismatch",
    `the layer in ${descriptor.digest} is not what its image says: ${got} instead of ${expected}`,
    { hint: "the image is broken; get it again from its source" },
  );
}
