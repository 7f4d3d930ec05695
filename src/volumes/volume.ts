/**
 * Named volumes. The life of a volume: `create` (explicitly, or by the first container that names it) → `acquire` and
 * `release` by each container that runs, which mounts one that has options for as long as somebody uses it → `remove`, refused with `conflict` / `volume.in-use` while a container names it.
 */
export interface Volume {
  readonly name: string;
  readonly driver: "local";
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** An unnamed volume, made for a container; goes with `docker rm -v` and `docker run --rm`. */
  readonly anonymous: boolean;
  readonly createdAt: Date;
  /** The directory that holds its data. */
  readonly path: string;
}

export interface VolumeSpec {
  /** A random name when absent. Docker's rule: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`. */
  readonly name?: string;
  /** Made for a container, to go with it; the default without a name. */
  readonly anonymous?: boolean;
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PruneVolumes {
  /** Named ones too. */
  readonly all: boolean;
  readonly keep?: (volume: Volume) => boolean;
  /** Containers, by id, that count as gone. */
  readonly without?: ReadonlySet<string>;
}

/** Tells which containers name a volume; given by the composition root. */
export interface VolumeUse {
  containersOf(volume: string): readonly string[];
}

export interface Volumes {
  /**
   * Idempotent for the same name, whatever the options, as with Docker. Throws `invalid` / `volume.option-invalid`,
   * `not-found` / `volume.driver-not-found`.
   */
  create(spec: VolumeSpec): Promise<Volume>;
  /** Throws `not-found` / `volume.not-found` ("get NAME: no such volume"). */
  get(name: string): Volume;
  list(): Volume[];
  /** With `force` a volume that is not there is no error. */
  remove(name: string, force?: boolean): Promise<void>;
  prune(options: PruneVolumes): Promise<{ readonly removed: readonly string[]; readonly freed: number }>;
  /** The volumes that `prune` would remove. */
  prunable(options: PruneVolumes): Volume[];
  /**
   * Copies the content of `imagePath` (a directory of a container's root filesystem), its owner and mode included,
   * into a volume that is still empty, as Docker does at first use.
   */
  seed(name: string, imagePath: string): Promise<void>;
  /** Bytes used. */
  usage(name: string): Promise<number>;
  /**
   * The volume's directory, mounted if its options say so, until `user` releases it; the same user counts once. Throws
   * `precondition` / `volume.mount-failed` and `volume.mount-helper`.
   */
  acquire(name: string, user: string): Promise<string>;
  /** Does nothing when the volume is gone or the user has none of it. */
  release(name: string, user: string): Promise<void>;
  /** At the daemon's start: counts a user that an earlier daemon had. */
  adopt(name: string, user: string): void;
  /** At the daemon's start, after all `adopt`: unmounts what nobody uses. */
  sweep(): Promise<void>;
}
