import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock, silentLogger } from "../base/index.ts";
import { createContentStore, type ContentStore, type Digest } from "../content/index.ts";
import { openState, type State } from "../state/index.ts";
import { createRegistry, type RegistryDependencies } from "./create-registry.ts";
import { manifestTypes } from "./manifest-format.ts";
import type { Registry } from "./registry.ts";
import { registryMigrations } from "./store.ts";

export { fakeRegistry, testRegistries, type FakeRegistry, type Seen } from "../distribution/testing.ts";

/** A registry on a real content store and database. */
export interface TestRegistry extends Disposable {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly state: State;
  readonly content: ContentStore;
  /** Blobs that somebody else than the registry needs. */
  readonly engine: Set<Digest>;
  registry: Registry;
  /** As after a crash: a new registry on what the old one left. */
  reopen(): void;
}

export async function testRegistry(
  directory = mkdtempSync(join(tmpdir(), "virga-registry-")),
  cache?: RegistryDependencies["cache"],
): Promise<TestRegistry> {
  const clock = new ManualClock();
  const state = openState(join(directory, "state.db"), registryMigrations);
  const content = await createContentStore({ directory: join(directory, "content") });
  const removeUnneeded = async (blobs: readonly Digest[]) => {
    let freed = 0;
    for (const digest of blobs) {
      if (test.registry.needs(digest) || test.engine.has(digest) || !content.has(digest)) continue;
      freed += content.stat(digest).size;
      await content.remove(digest);
    }
    return freed;
  };
  const place = join(directory, "registry");
  const logger = silentLogger;
  const open = () =>
    createRegistry({
      ...{ directory: place, state, content, clock, logger, removeUnneeded },
      ...(cache ? { cache } : {}),
    });
  const test: TestRegistry = {
    directory,
    clock,
    state,
    content,
    engine: new Set(),
    registry: open(),
    reopen() {
      test.registry = open();
    },
    [Symbol.dispose]() {
      state.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return test;
}

export function digestOf(bytes: string | Uint8Array, algorithm: "sha256" | "sha512" = "sha256"): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

/** A descriptor of `bytes`. */
export function describe(bytes: string | Uint8Array, mediaType: string, algorithm?: "sha256" | "sha512") {
  return { mediaType, digest: digestOf(bytes, algorithm), size: Buffer.byteLength(bytes) };
}

/** The text of an image manifest over a configuration and layers. */
export function imageManifest(config: string, layers: readonly string[], more: object = {}): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestTypes.ociManifest,
    config: describe(config, "application/vnd.oci.image.config.v1+json"),
    layers: layers.map((layer) => describe(layer, "application/vnd.oci.image.layer.v1.tar")),
    ...more,
  });
}

/** The text of an index over manifests. */
export function imageIndex(manifests: readonly object[], more: object = {}): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests, ...more });
}

/** Bytes as a stream of one piece. */
export async function* piece(bytes: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(bytes);
}

/** Uploads a blob as clients do. */
export async function pushBlob(
  registry: Registry,
  repository: string,
  bytes: string | Uint8Array,
): Promise<Digest> {
  const upload = await registry.uploads.begin(repository);
  const { digest } = await registry.uploads.commit(repository, upload.id, digestOf(bytes), {
    source: piece(bytes),
  });
  return digest;
}

/** Pushes an image of these texts; its digest. */
export async function pushImage(
  registry: Registry,
  repository: string,
  tag: string,
  layers: readonly string[] = [`layer of ${tag}`],
  more: object = {},
): Promise<Digest> {
  const config = JSON.stringify({ architecture: "amd64", os: "linux", note: layers.join() });
  for (const blob of [config, ...layers]) await pushBlob(registry, repository, blob);
  const bytes = Buffer.from(imageManifest(config, layers, more));
  return (await registry.manifests.put(repository, { reference: { tag }, bytes })).digest;
}
