import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { fail, ManualClock, silentLogger } from "../base/index.ts";
import { createContentStore, type ContentStore, type Descriptor } from "../content/index.ts";
import type { Registries } from "../distribution/index.ts";
import {
  createEvents,
  eventMigrations,
  type Events,
  type EventType,
  type VirgaEvent,
} from "../events/index.ts";
import type { DiffId, GrowingBlob, LayerInfo, LayerStore } from "../layers/index.ts";
import { openState } from "../state/index.ts";
import { sha256 } from "./formats.ts";
import type { Admission } from "./admission.ts";
import type { Image, ImageConfig, ImageRecipe, Images } from "./image.ts";
import { createImages } from "./images.ts";
import type { ImageSource } from "./source.ts";
import { imageMigrations } from "./store.ts";
import { tar } from "./testing-tar.ts";

export { addImage, type RemoteImage } from "./pull/testing.ts";
export { tar, type TestFile } from "./testing-tar.ts";

/** Bytes as a stream of pieces that cut headers and contents anywhere. */
export async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** The error of work that is expected to fail. */
export async function errorOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

/** What images need of a layer store, without directories: a layer is the size of its tar. */
export class FakeLayers implements Pick<LayerStore, "has" | "stat" | "list" | "unpack" | "remove"> {
  readonly layers = new Map<DiffId, number>();
  /** How far growing blobs said that they were. */
  readonly heard: number[] = [];
  readonly #content: ContentStore;

  constructor(content: ContentStore) {
    this.#content = content;
  }
  has = (diffId: DiffId) => this.layers.has(diffId);
  list = () => [...this.layers].map(([diffId, size]) => ({ diffId, size }));
  stat(diffId: DiffId): LayerInfo {
    const size = this.layers.get(diffId);
    if (size === undefined) throw fail("not-found", "layer.not-found", `No such layer: ${diffId}`);
    return { diffId, size };
  }
  async unpack(
    descriptor: Descriptor,
    options: { readonly expected?: DiffId; readonly growing?: GrowingBlob } = {},
  ): Promise<LayerInfo> {
    for await (const size of options.growing?.sizes ?? []) this.heard.push(size);
    await options.growing?.stored;
    const blob = Buffer.from(await new Response(this.#content.open(descriptor.digest)).arrayBuffer());
    const plain = plainOf(blob, descriptor.mediaType);
    const diffId = sha256(plain);
    if (options.expected !== undefined && options.expected !== diffId) {
      throw fail("data-loss", "layer.diff-id-mismatch", `${diffId} is not ${options.expected}`);
    }
    this.layers.set(diffId, plain.length);
    return { diffId, size: plain.length };
  }
  async remove(diffId: DiffId): Promise<void> {
    this.layers.delete(diffId);
  }
}

function plainOf(blob: Buffer, mediaType: string): Buffer {
  if (mediaType.endsWith("gzip")) return gunzipSync(blob);
  return mediaType.endsWith("zstd") ? zstdDecompressSync(blob) : blob;
}

/** Images on a real content store and database, with layers that are only counted. */
export interface TestImages extends AsyncDisposable {
  readonly images: Images;
  readonly content: ContentStore;
  readonly layers: FakeLayers;
  readonly events: Events;
  readonly clock: ManualClock;
  /** Containers by image id. */
  readonly containers: Map<string, { id: string; running: boolean }[]>;
  /** What something else than images needs. */
  readonly inUse: { layers: DiffId[]; blobs: DiffId[]; elsewhere: Set<DiffId> };
  readonly sources: ImageSource[];
  /** `action name` of every image event so far. */
  eventsSoFar(): string[];
  /** An image of one layer with a file that says `text`. */
  make(text: string, reference?: string, config?: Partial<ImageConfig>): Promise<Image>;
  recipe(text: string, config?: Partial<ImageConfig>): Promise<ImageRecipe>;
  /** Every digest in the stores. */
  stored(): string[];
}

export async function testImages(
  registries?: Registries,
  admissionFor?: (parts: { readonly content: ContentStore; readonly images: () => Images }) => Admission,
): Promise<TestImages> {
  const directory = await mkdtemp(join(tmpdir(), "virga-images-"));
  const state = openState(":memory:", [...eventMigrations, ...imageMigrations]);
  const clock = new ManualClock();
  const content = await createContentStore({ directory });
  const layers = new FakeLayers(content);
  const seen: string[] = [];
  const events = recording(createEvents(state, clock), seen);
  const containers: TestImages["containers"] = new Map();
  const inUse: TestImages["inUse"] = { layers: [], blobs: [], elsewhere: new Set() };
  const sources: ImageSource[] = [];
  const images: Images = createImages({
    state,
    content,
    layers: layers as unknown as LayerStore,
    events,
    clock,
    logger: silentLogger,
    use: { containersOf: (id) => containers.get(id) ?? [] },
    layerUses: [{ layersInUse: () => inUse.layers, blobsInUse: () => inUse.blobs }],
    blobUses: [{ needs: (digest) => inUse.elsewhere.has(digest) }],
    sources,
    ...(registries ? { registries } : {}),
    ...(admissionFor ? { admission: admissionFor({ content, images: (): Images => images }) } : {}),
  });
  const recipe: TestImages["recipe"] = async (text, config = {}) => {
    const blob = await content.put(tar({ file: text }));
    const descriptor = { mediaType: "application/vnd.oci.image.layer.v1.tar", ...blob };
    const { diffId } = await layers.unpack(descriptor);
    return { config: { architecture: "amd64", os: "linux", ...config }, layers: [{ diffId, descriptor }] };
  };
  return {
    images,
    content,
    layers,
    events,
    clock,
    containers,
    inUse,
    sources,
    eventsSoFar: () => seen,
    recipe,
    make: async (text, reference, config) => await images.create(await recipe(text, config), reference),
    stored: () => [...content.list().map((blob) => blob.digest), ...layers.layers.keys()].toSorted(),
    async [Symbol.asyncDispose]() {
      state.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function recording(events: Events, seen: string[]): Events {
  const emit = <T extends EventType>(
    type: T,
    action: VirgaEvent<T>["action"],
    id: string,
    attributes?: Readonly<Record<string, string>>,
    detail?: string,
  ) => {
    seen.push(`${action as string} ${attributes?.["name"] ?? ""}`.trim());
    events.emit(type, action, id, attributes, detail);
  };
  return { emit, subscribe: (filter, signal) => events.subscribe(filter, signal) };
}
