import { mkdirSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { KeyedLock, errnoOf, fail, newId, toVirgaError, type Clock, type Logger } from "../base/index.ts";
import type { Events } from "../events/index.ts";
import { isMountPoint } from "../host/index.ts";
import type { State } from "../state/index.ts";
import { volumeData, type VolumeData } from "./data.ts";
import { createVolumeMounts, type VolumeMounts } from "./mounts.ts";
import { checkOptions, needsMount } from "./options.ts";
import { createVolumeStore, type VolumeRecord, type VolumeStore } from "./store.ts";
import type { PruneVolumes, Volume, VolumeSpec, VolumeUse, Volumes } from "./volume.ts";

export interface VolumesDependencies {
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Holds a directory a volume; made when missing. Absolute and without symlinks. */
  readonly directory: string;
  readonly use: VolumeUse;
}

interface Parts extends VolumesDependencies {
  readonly store: VolumeStore;
  readonly mounts: VolumeMounts;
  readonly data: (name: string) => VolumeData;
}

/**
 * Volumes of the driver `local`: directories on the daemon's disk. One change a volume at a time. Finishes first what a
 * crash interrupted.
 */
export function createVolumes(dependencies: VolumesDependencies): Volumes {
  const { state, directory } = dependencies;
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const store = createVolumeStore(state);
  const locks = new KeyedLock();
  const mounts = createVolumeMounts();
  const parts: Parts = { ...dependencies, store, mounts, data: (name) => volumeData(directory, name) };
  for (const record of store.list()) {
    // One that is mounted may be a server that does not answer: it is not looked at.
    if (needsMount(record.options) && isMountPoint(parts.data(record.name).path)) continue;
    parts.data(record.name).make();
    parts.data(record.name).recover();
  }
  return {
    async create(spec) {
      const name = spec.name || newId();
      using _lock = await locks.acquire(name);
      return createVolume(parts, name, spec);
    },
    get: (name) => volumeOf(parts, find(parts, name)),
    list: () => store.list().map((record) => volumeOf(parts, record)),
    remove: (name, force = false) => locks.run(name, () => removeVolume(parts, name, force)),
    prunable: (options) => prunable(parts, options),
    async prune(options) {
      const removed: string[] = [];
      let freed = 0;
      for (const record of prunable(parts, options)) {
        using _lock = await locks.acquire(record.name);
        if (!store.get(record.name) || parts.use.containersOf(record.name).length > 0) continue;
        const bytes = await parts.data(record.name).usage();
        await removeVolume(parts, record.name, false);
        removed.push(record.name);
        freed += bytes;
      }
      parts.events.emit("volume", "prune", "", { reclaimed: String(freed) });
      return { removed, freed };
    },
    seed: (name, imagePath) => locks.run(name, () => seedVolume(parts, name, imagePath)),
    usage: async (name) => await parts.data(find(parts, name).name).usage(),
    acquire: (name, user) => locks.run(name, () => acquireVolume(parts, name, user)),
    release: (name, user) => locks.run(name, () => releaseVolume(parts, name, user)),
    adopt: (name, user) => mounts.adopt(name, user),
    async sweep() {
      for (const record of store.list()) {
        if (!needsMount(record.options)) continue;
        await locks
          .run(record.name, () => mounts.sweep(volumeOf(parts, record)))
          .catch((error: unknown) => {
            parts.logger.warn("a volume stays mounted", { volume: record.name, error: toVirgaError(error) });
          });
      }
    },
  };
}

function createVolume(parts: Parts, name: string, spec: VolumeSpec): Volume {
  const { store, events, clock } = parts;
  checkName(name);
  checkDriver(name, spec);
  const existing = store.get(name);
  if (existing) {
    if (!needsMount(existing.options)) parts.data(name).make();
    return volumeOf(parts, existing);
  }
  const anonymous = spec.anonymous ?? !spec.name;
  const record: VolumeRecord = {
    name,
    driver: "local",
    options: spec.options ?? {},
    labels: { ...spec.labels, ...(anonymous ? { [anonymousLabel]: "" } : {}) },
    anonymous,
    createdAt: clock.now(),
  };
  parts.data(name).make();
  store.add(record);
  events.emit("volume", "create", name, { driver: record.driver });
  return volumeOf(parts, record);
}

async function acquireVolume(parts: Parts, name: string, user: string): Promise<string> {
  const volume = volumeOf(parts, find(parts, name));
  if (needsMount(volume.options)) await parts.mounts.acquire(volume, user);
  return volume.path;
}

async function releaseVolume(parts: Parts, name: string, user: string): Promise<void> {
  const record = parts.store.get(name);
  if (record && needsMount(record.options)) await parts.mounts.release(volumeOf(parts, record), user);
}

/** As Docker marks the volumes that were made without a name. */
const anonymousLabel = "com.docker.volume.anonymous";

async function removeVolume(parts: Parts, name: string, force: boolean): Promise<void> {
  const { store, use, events } = parts;
  const record = store.get(name);
  if (!record && force) return;
  find(parts, name);
  const users = use.containersOf(name);
  if (users.length > 0) {
    throw fail("conflict", "volume.in-use", `remove ${name}: volume is in use - [${users.join(", ")}]`, {
      hint: `remove these containers first: virga rm ${users.map((id) => id.slice(0, 12)).join(" ")}`,
    });
  }
  if (needsMount(record!.options)) await parts.mounts.sweep(volumeOf(parts, record!));
  await parts.data(name).remove();
  store.remove(name);
  events.emit("volume", "destroy", name, { driver: "local" });
}

function prunable(parts: Parts, { all, keep = () => false, without }: PruneVolumes): Volume[] {
  return (
    parts.store
      .list()
      .filter((record) => record.anonymous || all)
      // Docker leaves those with options alone: what they hold is not here.
      .filter((record) => Object.keys(record.options).length === 0)
      .filter(({ name }) => !parts.use.containersOf(name).some((id) => !without?.has(id)))
      .map((record) => volumeOf(parts, record))
      .filter((volume) => !keep(volume))
  );
}

async function seedVolume(parts: Parts, name: string, imagePath: string): Promise<void> {
  find(parts, name);
  const isDirectory = await lstat(imagePath).then(
    (status) => status.isDirectory(),
    (error: unknown) => {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
      throw error;
    },
  );
  if (!isDirectory) return;
  const data = parts.data(name);
  await (isMountPoint(data.path) ? data.fill(imagePath) : data.seed(imagePath));
}

function find({ store }: Parts, name: string): VolumeRecord {
  const record = store.get(name);
  if (record) return record;
  throw fail("not-found", "volume.not-found", `get ${name}: no such volume`, {
    hint: "see the volumes with: virga volume ls",
  });
}

function volumeOf({ data }: Parts, record: VolumeRecord): Volume {
  return { ...record, path: data(record.name).path };
}

function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name) && name.length <= 255) return;
  const rule =
    name.length === 1
      ? "volume name is too short, names should be at least two alphanumeric characters"
      : `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
  throw fail("invalid", "volume.name-invalid", `create ${name}: ${rule}`);
}

function checkDriver(name: string, { driver = "local", options = {} }: VolumeSpec): void {
  if (driver !== "local" && driver !== "") {
    throw fail(
      "not-found",
      "volume.driver-not-found",
      `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      { hint: "there is the driver local, which mounts tmpfs, folders, nfs and cifs by its options" },
    );
  }
  checkOptions(name, options);
}
