import { fail } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { DiffId } from "../layers/index.ts";
import type { OciConfig, ProcessStreams } from "../runtimes/index.ts";
import { parseLink } from "./connections/link.ts";
import type { Container } from "./container.ts";
import type { ContainerRecord } from "./record.ts";

/** `unhealthy`: ended because its health check fails, to be started again. */
export type StopPurpose = "stop" | "restart" | "remove" | "unhealthy";

/** A container as the engine holds it. Changed only by the holder of its lock. */
export interface Entry {
  record: ContainerRecord;
  /** Why its next exit is no reason to start it again, or to remove it. */
  stopping: StopPurpose | undefined;
  /** Set while it waits for its next start; aborting it takes the restart back. */
  restartWait: AbortController | undefined;
  /** The pause before the last restart, milliseconds; 0 when it ran long enough to start over. */
  backoffMs: number;
  /** Clients that attached before it ran. */
  readonly docked: Set<Dock>;
  /** Clients that get its output: each resolves when one has all of it, or is gone. */
  readonly audience: Set<Promise<void>>;
  /** The configuration that it runs with, read again from the bundle after a daemon restart. */
  config: OciConfig | undefined;
  health: Disposable | undefined;
  /** A probe of this run has succeeded. */
  wasHealthy: boolean;
  /** What its last restart was for, when that was not its policy; told when it runs again. */
  restartReason: Readonly<Record<string, string>> | undefined;
  /** Volumes that it is about to get. */
  claims: readonly string[];
  /** It is being changed: somebody else's change has to wait. */
  changing: boolean;
  /** The runtime could not delete its last task: to be tried again before the next start or removal. */
  taskLeft: boolean;
}

/** A client that waits for the first process's streams; undefined when there will be none. */
export interface Dock {
  /** It may write, so its going closes the input of a `stdinOnce` container. */
  readonly stdin: boolean;
  bind(streams: ProcessStreams | undefined): void;
}

/** What a container that is being made already holds, so that nobody takes it away meanwhile. */
export interface Reservation extends Disposable {
  volumes: readonly string[];
  /** That it mounts. */
  images: readonly Digest[];
}

export interface Registry {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Layers (and their blobs) that are about to become part of an image. */
  readonly commits: Set<{ readonly layer: DiffId; readonly blob: Digest }>;
  /** Takes the name, and marks the image as used, until disposed or `add`. Throws `container.name-in-use`. */
  reserve(id: string, name: string, imageId: Digest): Reservation;
  nameTaken(name: string): boolean;
  add(record: ContainerRecord): Entry;
  remove(id: string): void;
  rename(id: string, name: string): void;
  /** By id, name or unambiguous prefix of an id. Throws `container.not-found`, `container.ambiguous`. */
  resolve(name: string): Entry;
  /** Images and volumes of containers that are being made. */
  reservations(): readonly {
    readonly id: string;
    readonly imageId: Digest;
    readonly images: readonly Digest[];
    readonly volumes: readonly string[];
  }[];
}

export function createRegistry(): Registry {
  const entries = new Map<string, Entry>();
  const names = new Map<string, string>();
  const making = new Map<string, ReturnType<Registry["reservations"]>[number]>();
  const take = (id: string, name: string) => {
    const holder = names.get(name);
    if (holder !== undefined) throw nameInUse(name, holder);
    names.set(name, id);
  };
  return {
    entries,
    commits: new Set(),
    reserve(id, name, imageId) {
      take(id, name);
      const reservation = {
        id,
        imageId,
        volumes: [] as readonly string[],
        images: [] as readonly Digest[],
      };
      making.set(id, reservation);
      return Object.assign(reservation, {
        [Symbol.dispose]() {
          making.delete(id);
          if (!entries.has(id)) names.delete(name);
        },
      });
    },
    nameTaken: (name) => names.has(name),
    add(record) {
      const entry = newEntry(record);
      entries.set(record.container.id, entry);
      names.set(record.container.name, record.container.id);
      return entry;
    },
    remove(id) {
      const entry = entries.get(id);
      entries.delete(id);
      if (entry && names.get(entry.record.container.name) === id) names.delete(entry.record.container.name);
    },
    rename(id, name) {
      const entry = entries.get(id)!;
      take(id, name);
      names.delete(entry.record.container.name);
      setContainer(entry, { name });
    },
    resolve: (name) => resolve(entries, names, name),
    reservations: () => [...making.values()],
  };
}

/** Replaces fields of what the world sees of a container. */
export function setContainer(entry: Entry, fields: Partial<Container>): void {
  entry.record = { ...entry.record, container: { ...entry.record.container, ...fields } };
}

function newEntry(record: ContainerRecord): Entry {
  return {
    record,
    stopping: undefined,
    restartWait: undefined,
    backoffMs: 0,
    docked: new Set(),
    audience: new Set(),
    config: undefined,
    health: undefined,
    wasHealthy: false,
    restartReason: undefined,
    claims: [],
    changing: false,
    taskLeft: false,
  };
}

function nameInUse(name: string, holder: string): Error {
  return fail(
    "conflict",
    "container.name-in-use",
    `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
      `You have to remove (or rename) that container to be able to reuse that name.`,
    { hint: `virga rm ${name}` },
  );
}

/** `web/db`: the id of what `web` is linked to and calls `db`, on the default bridge. */
function linkTarget(
  entries: ReadonlyMap<string, Entry>,
  names: ReadonlyMap<string, string>,
  name: string,
): string | undefined {
  const [, parent = "", alias] = /^([^/]+)\/([^/]+)$/.exec(name) ?? [];
  const links = entries.get(names.get(parent) ?? "")?.record.container.spec.network?.links ?? [];
  return links.map(parseLink).find((link) => link.alias === alias)?.target;
}

function resolve(
  entries: ReadonlyMap<string, Entry>,
  names: ReadonlyMap<string, string>,
  name: string,
): Entry {
  const bare = name.startsWith("/") ? name.slice(1) : name;
  const exact = entries.get(bare) ?? entries.get(names.get(bare) ?? "");
  if (exact) return exact;
  const found = /^[0-9a-f]{1,64}$/.test(bare) ? [...entries.keys()].filter((id) => id.startsWith(bare)) : [];
  if (found.length > 1) {
    throw fail("conflict", "container.ambiguous", `multiple IDs found with provided prefix: ${bare}`, {
      hint: "give more digits of the id, or the name",
    });
  }
  const entry = entries.get(found[0] ?? linkTarget(entries, names, bare) ?? "");
  if (!entry) throw fail("not-found", "container.not-found", `No such container: ${bare}`);
  return entry;
}
