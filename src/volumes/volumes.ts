import { mkdirSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { KeyedLock, errnoOf, fail, newId, type Clock } from "../base/index.ts";
import type { Events } from "../events/index.ts";
import type { State } from "../state/index.ts";
import { volumeData, type VolumeData } from "./data.ts";
import { createVolumeStore, type VolumeRecord, type VolumeStore } from "./store.ts";
import type { PruneVolumes, Volume, VolumeSpec, VolumeUse, Volumes } from "./volume.ts";

export interface VolumesDependencies {
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  /** Holds a directory a volume; made when missing. Absolute and without symlinks. */
  readonly directory: string;
  readonly use: VolumeUse;
}

interface Parts extends VolumesDependencies {
  readonly store: VolumeStore;
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
  const parts: Parts = { ...dependencies, store, data: (name) => volumeData(directory, name) };
  for (const { name } of store.list()) {
    parts.data(name).make();
    parts.data(name).recover();
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
  };
}

function createVolume(parts: Parts, name: string, spec: VolumeSpec): Volume {
  const { store, events, clock } = parts;
  checkName(name);
  checkDriver(spec);
  const existing = store.get(name);
  if (existing) {
    parts.data(name).make();
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
      hint: `remove these containers first: docker rm ${users.map((id) => id.slice(0, 12)).join(" ")}`,
    });
  }
  await parts.data(name).remove();
  store.remove(name);
  events.emit("volume", "destroy", name, { driver: "local" });
}

function prunable(parts: Parts, { all, keep = () => false, without }: PruneVolumes): Volume[] {
  return parts.store
    .list()
    .filter((record) => record.anonymous || all)
    .filter(({ name }) => !parts.use.containersOf(name).some((id) => !without?.has(id)))
    .map((record) => volumeOf(parts, record))
    .filter((volume) => !keep(volume));
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
  if (isDirectory) await parts.data(name).seed(imagePath);
}

function find({ store }: Parts, name: string): VolumeRecord {
  const record = store.get(name);
  if (record) return record;
  throw fail("not-found", "volume.not-found", `get ${name}: no such volume`, {
    hint: "see the volumes with: docker volume ls",
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

function checkDriver(spec: VolumeSpec): void {
  const driver = spec.driver || "local";
  if (driver !== "local") {
    throw fail("unimplemented", "volume.driver-unsupported", `volume driver ${driver} is not supported`, {
      hint: "use the local driver",
    });
  }
  const option = Object.keys(spec.options ?? {})[0];
  if (option === undefined) return;
  throw fail("unimplemented", "volume.option-unsupported", `volume option ${option} is not supported`, {
    hint: "leave the options out, or mount a host directory or a tmpfs in the container instead",
  });
}
