import type { Clock, KeyedLock, Logger, Slots } from "../base/index.ts";
import type { StepRunner } from "../containers/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { CredentialsOf, Registries } from "../distribution/index.ts";
import type { Events } from "../events/index.ts";
import type { DaemonIdentity } from "../host/index.ts";
import type { Images } from "../images/index.ts";
import type { Archives, DiffId, LayerStore } from "../layers/index.ts";
import type { State } from "../state/index.ts";
import type { Materials } from "./attestations/materials.ts";
import type { BuildRequest } from "./build.ts";
import type { BuildEvent, BuildStep, StepNews } from "./build-event.ts";
import type { Installs } from "./lock/installs.ts";
import type { LayersInUse } from "./cache/layers-in-use.ts";
import type { BuildCache } from "./cache/build-cache.ts";
import type { MountCache } from "./cache/mount-cache.ts";
import type { ExportedLayers } from "./cache/exchange/exported-layers.ts";
import type { OpenContext } from "./context/context.ts";
import type { FileDigests } from "./context/file-digests.ts";
import type { SourceTree } from "./context/source-tree.ts";
import type { SourcePlace } from "./dockerfile/dockerfile-error.ts";
import type { GlobalArguments } from "./evaluation/variables.ts";

/** What the builder is built on. */
export interface BuildsDependencies {
  readonly identity: DaemonIdentity;
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly images: Pick<
    Images,
    "referrers" | "remove" | "ensure" | "resolve" | "admitted" | "list" | "create" | "tag" | "prune"
  >;
  readonly layers: LayerStore;
  readonly archives: Archives;
  readonly content: Pick<ContentStore, "has" | "list" | "path" | "put" | "resume">;
  /** To take the results of steps from, and put them to. */
  readonly registries: Registries;
  readonly steps: StepRunner;
}

/** One build as it runs: what its stages and steps share. */
export interface WholeRun {
  readonly services: BuildsDependencies;
  readonly request: BuildRequest;
  /**
   * Work in progress, removed at the end:
   *
   * ```text
   * ROOT/builds/ID/
   *   context/          an unpacked tar context
   *   step-N/           overlay of step N: upper, work, merged
   *   run-CONTAINER/    bundle and /etc files of a RUN step
   *   from-N/           a stage or image, mounted read-only to be copied from
   *   text-N, get-N/    here-documents and downloads
   *   export/           layers on their way to another cache
   *   named-N/          an unpacked named context
   *   secrets-N/        a tmpfs with the secrets of a RUN step
   * ```
   */
  readonly folder: string;
  readonly context: OpenContext;
  readonly cache: BuildCache;
  readonly exported: ExportedLayers;
  readonly inUse: LayersInUse;
  readonly cacheMounts: MountCache;
  /** Whether steps get the machine's proxy when the request does not say. */
  readonly hostProxy: boolean;
  /** The daemon's. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By step key: the same step of two builds runs once. */
  readonly stepLocks: KeyedLock;
  /** Steps that do work at the same time, of all builds. */
  readonly slots: Slots;
  readonly global: GlobalArguments;
  /** As given for this build, in seconds; takes the place of the stages' own epochs (epoch.ts). */
  readonly sourceDateEpoch: number | undefined;
  /** When the image and its new history were made, in seconds; else it is the stage's epoch. */
  readonly created: number | undefined;
  /** Undefined when nobody asked for a lock, nor has one. */
  readonly installs: Installs | undefined;
  /** What came from outside of the context. */
  readonly materials: Materials;
  readonly signal: AbortSignal;
  readonly credentials: CredentialsOf | undefined;
  readonly emit: (event: BuildEvent) => void;
  /** Undone at the end of the build, whatever its outcome. */
  readonly undo: AsyncDisposableStack;
  /** Sees that layers are here that the cache only knew of. Called before anything stands on them. */
  readonly fetchLayers: (diffIds: readonly DiffId[], emit?: (news: StepNews) => void) => Promise<void>;
  /** Only whether the cache knows every step is asked: a step that would have to be carried out fails. */
  readonly probing: boolean;
  /** A number that this build has not used. */
  readonly next: () => number;
  /**
   * The stage of that name or number before stage `before`, a named context or an image: built or got when it is not
   * there yet.
   */
  readonly source: (place: SourcePlace, name: string) => Promise<BuildSource>;
}

/** A build as one of its steps sees it. */
export interface BuildRun extends Omit<WholeRun, "emit"> {
  readonly emit: (news: StepNews) => void;
  readonly step: BuildStep;
}

/** What is copied from: a context, a finished stage or an image. */
export interface BuildSource {
  /** Of a stage or an image: they say what is in it before a file is looked at. */
  readonly layers: readonly DiffId[] | undefined;
  /** Mounts it when that has not happened yet. */
  readonly tree: () => Promise<SourceTree>;
  readonly digests: FileDigests;
}
