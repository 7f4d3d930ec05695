import type { Digest } from "../content/index.ts";
import type { CredentialsOf } from "../distribution/index.ts";
import type { Image } from "../images/index.ts";
import type { DiffId } from "../layers/index.ts";
import type { Attestations } from "./attestations/attestations.ts";
import type { LockFile } from "./lock/lock-file.ts";
import type { Verification } from "./verify/verification.ts";
import type { BuildEvent } from "./build-event.ts";
import type { Outline } from "./outline/outline.ts";
import type { LintWarning } from "./lint/warning.ts";
import type { CacheSource, CacheTarget } from "./cache/exchange/places.ts";

/**
 * From a Dockerfile and a context to an image. Each instruction that changes files runs on an overlay of the layers
 * so far and ends as a layer; what the cache knows is not run again. A build that fails or is cancelled leaves no
 * image, container or mount; the steps done until then stay in the cache.
 */
export interface BuildRequest {
  readonly context: BuildContext;
  /** Path inside the context; default `Dockerfile`. */
  readonly dockerfile?: string;
  /** The Dockerfile itself, instead of one in the context; `dockerfile` is what it is called in messages. */
  readonly dockerfileText?: string;
  /** What .dockerignore says, instead of one in the context. */
  readonly ignoreText?: string;
  readonly tags?: readonly string[];
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly noCache?: boolean;
  /** Stages that are done anew, by their names. */
  readonly noCacheStages?: readonly string[];
  /** Ask for base images again. */
  readonly pull?: boolean;
  /** `default`, `host`, `none` or a network, for RUN. */
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly shmSize?: number;
  readonly memory?: number;
  /** Of RUN steps; by default `buildkitsandbox`. */
  readonly hostname?: string;
  readonly ulimits?: readonly Ulimit[];
  /** The cgroup in which those of RUN steps are made. Default: the daemon's. */
  readonly cgroupParent?: string;
  /** Where steps are looked for that this daemon has not done. */
  readonly cacheFrom?: readonly CacheSource[];
  /** Where the steps of this build are put, for other daemons. */
  readonly cacheTo?: readonly CacheTarget[];
  readonly platform?: string;
  /**
   * Named contexts. FROM, COPY --from and RUN --mount=from take a name from here before they ask for an image; a
   * stage of that name is not built.
   */
  readonly contexts?: Readonly<Record<string, NamedContext>>;
  /** What `RUN --mount=type=secret,id=…` mounts; undefined when there is no secret of that id. */
  readonly secrets?: (id: string) => Promise<Uint8Array | undefined>;
  /** The socket of the agent behind `RUN --mount=type=ssh,id=…` (`default` without an id). */
  readonly ssh?: (id: string) => Promise<string | undefined>;
  /** What RUN steps may do beyond the default; `networkMode: "host"` implies the first. */
  readonly entitlements?: readonly Entitlement[];
  /**
   * RUN steps get the proxy variables and the CA bundle of this machine, which are not in the image; as the daemon is
   * set without it.
   */
  readonly hostProxy?: boolean;
  /** When a RUN fails, its files become an image of this name. */
  readonly debugImage?: string;
  readonly attest?: AttestRequest;
  /** Tell what came from elsewhere, for a lock file. */
  readonly lock?: boolean;
  /** The lock file that the build has to keep to. Throws `conflict` / `build.lock-differs` where it can't. */
  readonly locked?: LockFile;
  /** Of the lock, not the versions of packages. */
  readonly anyPackages?: boolean;
}

/** Documents that an image gets of its build. Both by default. */
export interface AttestRequest {
  readonly sbom?: boolean;
  /** `min` leaves out the values of arguments and labels. */
  readonly provenance?: false | "min" | "max";
  /** Who built it, as a URI. */
  readonly builderId?: string;
}

/** -1 is without bound. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export type Entitlement = "network.host" | "security.insecure";

/** Files, or an image by its name. */
export type NamedContext = BuildContext | { readonly kind: "image"; readonly reference: string };

export type BuildContext =
  /** A folder on this machine. */
  | { readonly kind: "directory"; readonly path: string }
  /** A tar stream (plain, gzip, zstd), as POST /build carries it. */
  | { readonly kind: "tar"; readonly source: AsyncIterable<Uint8Array> }
  /** A git repository (`https://….git#ref:folder`), or a tar or a Dockerfile over HTTP. */
  | { readonly kind: "remote"; readonly url: string };

export interface BuildResult {
  readonly imageId: Digest;
  /** When it was asked for. */
  readonly lock?: LockFile;
  readonly warnings: readonly string[];
  /** What build checks found; `warnings` has it too, as text. */
  readonly checks: readonly LintWarning[];
}

export interface PrunableCache {
  /** Of the entries, as `layersInUse` takes them. */
  readonly keys: readonly string[];
  readonly bytes: number;
}

/** What is kept for the next build. */
export interface CacheRecord {
  readonly id: string;
  /** As BuildKit calls them: the result of a step, what a `RUN --mount=type=cache` holds, files that a client has sent. */
  readonly type: "regular" | "exec.cachemount" | "source.local";
  readonly description: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly usageCount: number;
  /** Bytes of its files; 0 when it changed none. */
  readonly size: number;
  /** An image has its layer too. */
  readonly shared: boolean;
  /** A running build stands on it: it can't be pruned. */
  readonly inUse: boolean;
}

export interface Builds {
  /**
   * Docker's build checks alone, of all stages or those that the target needs; nothing is built or pulled. Throws as
   * `build` does for a Dockerfile that can't be read.
   */
  check(
    request: BuildRequest,
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly warnings: readonly LintWarning[]; readonly failed: boolean }>;
  /** What a Dockerfile offers and asks for; nothing is built or pulled. Throws as `check`. */
  outline(request: BuildRequest, options?: { readonly signal?: AbortSignal }): Promise<Outline>;
  /**
   * Throws `invalid` / `dockerfile.*` with file, line and what was expected; `invalid` / `build.step-failed` with
   * Docker's text "The command '…' returned a non-zero code: N".
   */
  build(
    request: BuildRequest,
    options: {
      readonly onEvent: (event: BuildEvent) => void;
      readonly signal?: AbortSignal;
      /** Who we are at the registries that base images come from. */
      readonly credentials?: CredentialsOf;
    },
  ): Promise<BuildResult>;
  /**
   * Forgets cached steps: those whose layer no image has, or `all`; and cache mounts with `mounts` (default: with `all`).
   * Of these go the ones that `select` accepts, and with `keep` only as many, the longest unused first, until the cache
   * has so many bytes at most. Steps whose layers an image needs keep their layers; what a running build uses stays.
   * Tells the ids of those forgotten and the bytes freed.
   */
  pruneCache(options: {
    readonly all: boolean;
    readonly mounts?: boolean;
    readonly select?: (record: CacheRecord) => boolean;
    readonly keep?: number;
  }): Promise<{ readonly removed: readonly string[]; readonly freed: number }>;
  /** What `pruneCache` would forget once only `images` are left; bytes are those that are no layers. */
  prunableCache(options: {
    readonly all: boolean;
    readonly images: readonly Image[];
  }): Promise<PrunableCache>;
  cacheUsage(): Promise<{ readonly entries: number; readonly bytes: number }>;
  /** What is cached, the longest unused first. */
  cacheRecords(): readonly CacheRecord[];
  /**
   * Builds an image again, without the cache, as its provenance says, and compares. Throws as `build`, and
   * `not-found` / `image.no-provenance`, `precondition` / `image.provenance-*`.
   */
  verify(
    name: string,
    source: Pick<BuildRequest, "context" | "dockerfile">,
    options: Parameters<Builds["build"]>[1],
  ): Promise<Verification>;
  /** Lists of packages and provenance of images. */
  readonly attestations: Pick<Attestations, "sbom" | "provenance" | "ready">;
  /** What the cache and running builds stand on, for the images' garbage collector. */
  layersInUse(without?: ReadonlySet<string>): Iterable<DiffId>;
  blobsInUse(without?: ReadonlySet<string>): Iterable<Digest>;
  /** At the daemon's start: takes away what builds of a killed daemon left. */
  recover(): Promise<void>;
  /** At the daemon's stop: cancels running builds and waits until they have cleaned up. */
  close(): Promise<void>;
}
