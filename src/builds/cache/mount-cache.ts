import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { KeyedLock, newId, type Clock } from "../../base/index.ts";
import { removeTree, runChecked } from "../../host/index.ts";
import type { Migration, State } from "../../state/index.ts";

/** The folder below ROOT/builds that keeps what `RUN --mount=type=cache` mounts hold, over builds and restarts. */
export const cacheMountsFolder = "mounts";

/** A cache mount as it is kept. */
export interface KeptMount {
  /** The name of its folder, and its id among the records of the cache. */
  readonly folder: string;
  /** What its builds call it: the id, or the path of the mount. */
  readonly name: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly uses: number;
  /** Bytes, as they were when it was last measured: at the end of a build that used it. */
  readonly size: number;
}

/** The cache mounts of a daemon, and who uses them now. */
export interface MountCache {
  /** One at a time: steps with `sharing=locked`, and whoever makes a new one. */
  readonly locks: KeyedLock;
  /** Those that steps have with `sharing=private`. */
  readonly taken: Set<string>;
  /** The path of a mount. */
  path(folder: string): string;
  /** Notes that a step uses it, until the returned value is disposed of: it is not removed meanwhile. */
  use(folder: string, name: string): Disposable;
  isInUse(folder: string): boolean;
  /** The longest unused first. */
  list(): KeptMount[];
  /** Weighs those that were used since the last time. */
  measure(): Promise<void>;
  /** Those that are not in use; returns the bytes that became free. */
  remove(folders: readonly string[]): Promise<number>;
  /** At the daemon's start: rows and folders are brought together again. */
  recover(): Promise<void>;
}

export const mountCacheMigrations: readonly Migration[] = [
  {
    id: "builds/mounts-001",
    sql: `CREATE TABLE build_mounts (
      folder TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL, last_used INTEGER NOT NULL,
      uses INTEGER NOT NULL, size INTEGER NOT NULL) STRICT`,
  },
];

interface Row {
  folder: string;
  name: string;
  created_at: number;
  last_used: number;
  uses: number;
  size: number;
}

/** Folders with this beginning are on their way out. */
const leaving = ".gone-";

export interface MountCacheDependencies {
  readonly state: State;
  readonly clock: Clock;
  /** ROOT/builds */
  readonly home: string;
}

export function createMountCache({ state, clock, home }: MountCacheDependencies): MountCache {
  const table = createTable(state, clock);
  const root = join(home, cacheMountsFolder);
  const users = new Map<string, number>();
  const unweighed = new Set<string>();
  const path = (folder: string) => join(root, folder);
  const release = (folder: string) => {
    const left = (users.get(folder) ?? 1) - 1;
    if (left > 0) users.set(folder, left);
    else users.delete(folder);
  };
  return {
    locks: new KeyedLock(),
    taken: new Set(),
    path,
    use(folder, name) {
      table.note(folder, name);
      users.set(folder, (users.get(folder) ?? 0) + 1);
      unweighed.add(folder);
      return { [Symbol.dispose]: () => release(folder) };
    },
    isInUse: (folder) => users.has(folder),
    list: () => table.list(),
    async measure() {
      const folders = [...unweighed];
      unweighed.clear();
      for (const folder of folders) {
        if (existsSync(path(folder))) table.weigh(folder, await sizeOf(path(folder)));
      }
    },
    async remove(folders) {
      let freed = 0;
      for (const folder of folders) {
        // From here to the rename nobody comes between: a step that begins later makes a new one.
        if (users.has(folder)) continue;
        table.forget(folder);
        if (!existsSync(path(folder))) continue;
        const gone = path(`${leaving}${newId().slice(0, 16)}`);
        renameSync(path(folder), gone);
        freed += await sizeOf(gone);
        await removeTree(gone, { within: home });
      }
      return freed;
    },
    async recover() {
      mkdirSync(root, { recursive: true, mode: 0o711 });
      const names = readdirSync(root);
      for (const name of names.filter((one) => one.startsWith(leaving) || one.endsWith(".new")))
        await removeTree(path(name), { within: home });
      const rows = new Set(table.list().map((row) => row.folder));
      for (const folder of rows) if (!names.includes(folder)) table.forget(folder);
      for (const folder of names.filter((one) => /^[0-9a-f]{64}(-\d+)?$/.test(one) && !rows.has(one))) {
        table.note(folder, "");
        unweighed.add(folder);
      }
    },
  };
}

function createTable({ db }: State, clock: Clock) {
  const note = db.query(
    `INSERT INTO build_mounts VALUES (?1, ?2, ?3, ?3, 1, 0)
      ON CONFLICT (folder) DO UPDATE SET name = ?2, last_used = ?3, uses = uses + 1`,
  );
  const all = db.query<Row, []>("SELECT * FROM build_mounts ORDER BY last_used");
  const weigh = db.query("UPDATE build_mounts SET size = ? WHERE folder = ?");
  const forget = db.query("DELETE FROM build_mounts WHERE folder = ?");
  return {
    note: (folder: string, name: string) => void note.run(folder, name, clock.now().getTime()),
    weigh: (folder: string, size: number) => void weigh.run(size, folder),
    forget: (folder: string) => void forget.run(folder),
    list: (): KeptMount[] =>
      all.all().map(({ folder, name, created_at: createdAt, last_used: lastUsedAt, uses, size }) => {
        return { folder, name, createdAt, lastUsedAt, uses, size };
      }),
  };
}

async function sizeOf(folder: string): Promise<number> {
  return Number.parseInt(await runChecked(["du", "-sB1", "--", folder]), 10);
}
