import type { Progress, Report } from "../base/index.ts";
import type { BlobInfo, Descriptor, Digest, Platform } from "../content/index.ts";
import type { CredentialsOf } from "../distribution/index.ts";
import type { DiffId, LayerInfo } from "../layers/index.ts";
import type { Referrers } from "./referrers/referrer.ts";

/** The execution parameters of an image (OCI image config.md, `config`), with Docker's additions. */
export interface ImageProcess {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly StopTimeout?: number;
  readonly Healthcheck?: HealthcheckConfig;
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
  readonly ArgsEscaped?: boolean;
}

/** Docker's health check. Durations are nanoseconds; 0 or absent means the default. `Test: ["NONE"]` disables. */
export interface HealthcheckConfig {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface ImageHistory {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The image configuration blob (OCI image config.md). */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly created?: string;
  readonly author?: string;
  readonly config?: ImageProcess;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly DiffId[] };
  readonly history?: readonly ImageHistory[];
}

/**
 * How an image came here: `made` by a build or a commit, `fetched` from a registry or a distribution's mirror, out of an
 * archive (`docker-archive`, `oci-archive`), or imported (`tarball`). The words of archives are those of containers-policy.json.
 */
export type Origin = "made" | "fetched" | "docker-archive" | "oci-archive" | "tarball";

/** An image of this daemon. `id` is the digest of its configuration, as Docker counts. */
export interface Image {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  /** Descriptors of the layer blobs, bottom first; `config.rootfs.diff_ids` runs parallel. */
  readonly layers: readonly Descriptor[];
  /** Normalised references with a tag: `docker.io/library/debian:bookworm`. Shown by `familiar()`. */
  readonly references: readonly string[];
  /** `docker.io/library/debian@sha256:…`: what it is called in the registries that it came from or went to. */
  readonly digests: readonly string[];
  /** Bytes of all its unpacked layers. */
  readonly size: number;
  /** When this daemon first stored it. */
  readonly storedAt: Date;
}

export interface ImageRecipe {
  readonly config: Omit<ImageConfig, "rootfs">;
  readonly layers: readonly { readonly diffId: DiffId; readonly descriptor: Descriptor }[];
}

export interface RemovedImage {
  readonly untagged: readonly string[];
  readonly deleted: readonly Digest[];
}

export interface PruneOptions {
  readonly all: boolean;
  readonly until?: Date;
  readonly keep?: (image: Image) => boolean;
  /** Containers, by id, that count as gone. */
  readonly without?: ReadonlySet<string>;
}

/** Tells whether containers use an image; given by the composition root. */
export interface ImageUse {
  /** Ids (and whether they run) of the containers made from the image. */
  containersOf(id: Digest): readonly { readonly id: string; readonly running: boolean }[];
}

/**
 * The life of an image: made by `create` (builds, commit), `importRootfs`, `load` or `ensure` → named by `tag` →
 * `remove` drops names, and with the last one the image → `prune`. Layers and blobs go when no image needs them.
 * Every method that takes `name` accepts a reference (`debian`, `debian:bookworm`, `repo@sha256:…`), an id or an
 * unambiguous prefix of one, and throws `not-found` / `image.not-found` with Docker's text "No such image: NAME".
 */
export interface Images {
  resolve(name: string): Image;
  /** As `resolve`, for who is about to use the image. Throws `permission` / `policy.refused` for one that may not be. */
  admitted(name: string): Image;
  /** All ways by which the image came here. */
  originsOf(name: string): readonly Origin[];
  list(): Image[];
  /** Stores configuration and manifest of an image whose layers are there. The same recipe gives the same id. */
  create(recipe: ImageRecipe, reference?: string): Promise<Image>;
  tag(name: string, reference: string): void;
  /** As `docker rmi`: `conflict` while containers use it or several names stand, unless `force`. */
  remove(
    name: string,
    options?: { readonly force?: boolean; readonly noPrune?: boolean },
  ): Promise<RemovedImage>;
  /** Removes images without a name (`all`: without a container) that no container uses, then unused layers and blobs. */
  prune(options: PruneOptions): Promise<RemovedImage & { readonly freed: number }>;
  /** The images that `prune` would remove. */
  prunable(options: PruneOptions): Image[];
  /** The layers and blobs that nothing would need without these images, containers and cache entries. */
  garbage(gone: Gone): { readonly layers: readonly LayerInfo[]; readonly blobs: readonly BlobInfo[] };
  /** Removes those of these layers and blobs (default: all) that no image, container or build needs; returns the bytes freed. */
  collectGarbage(candidates?: {
    readonly layers: Iterable<DiffId>;
    readonly blobs: Iterable<Digest>;
  }): Promise<number>;
  /** An image of a root filesystem tar (plain, gzip, zstd). `changes` are Dockerfile instructions already parsed. */
  importRootfs(
    source: AsyncIterable<Uint8Array>,
    options: {
      readonly reference?: string;
      readonly message?: string;
      readonly process?: ImageProcess;
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
    },
  ): Promise<Image>;
  /** Reads a Docker archive (`docker save`) or an OCI layout tar. */
  load(
    source: AsyncIterable<Uint8Array>,
    options?: { readonly report?: Report; readonly signal?: AbortSignal },
  ): Promise<{ readonly image: Image; readonly references: readonly string[] }[]>;
  /** A tar that is a Docker archive and an OCI layout at once, as today's Docker writes it. `as`: what the images are called in it. */
  save(names: readonly string[], signal?: AbortSignal, as?: readonly string[]): ReadableStream<Uint8Array>;
  /** As `save`, of images that an index makes one of: the same for several platforms. Tells the index's descriptor. */
  saveIndex(
    ids: readonly string[],
    as: readonly string[],
    signal?: AbortSignal,
  ): { readonly stream: ReadableStream<Uint8Array>; readonly index: Descriptor };
  /**
   * The image, got if it is not there (policy `missing`), always asked for (`always`), or only looked up (`never`).
   * It comes from its registry; `debian:*` and `ubuntu:*` are made from the distribution's mirror when that can't be
   * reached, and `report` says so. Throws `not-found`, `unavailable` / `image.no-registry`.
   */
  ensure(reference: string, options?: PullOptions & { readonly policy?: PullPolicy }): Promise<Image>;
  /** As `ensure` with the policy `always`; says also what the reference names at its registry. */
  pull(
    reference: string,
    options?: PullOptions,
  ): Promise<{ readonly image: Image; readonly digest: Digest; readonly isNew: boolean }>;
  /**
   * Sends a tag, or all tags of a repository, to the repository's registry. Throws `not-found` without such a tag,
   * `permission` / `registry.denied`, `unavailable`.
   */
  push(name: string, options?: PushOptions): Promise<void>;
  /** Sends images, and an index of them under the tag `name`. Tells the index's descriptor. Throws as `push`. */
  pushIndex(name: string, ids: readonly string[], options?: PushOptions): Promise<Descriptor>;
  /** Signatures, lists of parts and the like, of the images that are here. */
  readonly referrers: Referrers;
}

export interface PullOptions {
  /** `linux/arm64/v8`; this machine's by default. */
  readonly platform?: string;
  /** Who we are at registries. */
  readonly credentials?: CredentialsOf;
  readonly report?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export type PullPolicy = "missing" | "always" | "never";

/** What is to be thought away, for a look at what would be left to nobody. */
export interface Gone {
  readonly images: ReadonlySet<Digest>;
  /** Containers and cache entries, by id. */
  readonly users: ReadonlySet<string>;
}

export interface PushedTag {
  readonly tag: string;
  readonly digest: Digest;
  /** Bytes of the manifest. */
  readonly size: number;
}

export interface PushOptions {
  readonly credentials?: CredentialsOf;
  readonly report?: Report;
  /** Hears of each tag once the registry has it. */
  readonly pushed?: (tag: PushedTag) => void;
  readonly signal?: AbortSignal;
}
