import type { Migration, State } from "../state/index.ts";
import {
  decodeRecord,
  encodeRecord,
  encodeStatus,
  type ContainerRecord,
  type ContainerRow,
} from "./record.ts";

export const containerMigrations: readonly Migration[] = [
  {
    id: "containers/001",
    sql: `CREATE TABLE containers (
      id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
      definition TEXT NOT NULL, status TEXT NOT NULL) STRICT`,
  },
  {
    id: "containers/002",
    sql: `CREATE TABLE planned_volumes (container TEXT NOT NULL, name TEXT NOT NULL) STRICT`,
  },
  {
    id: "containers/003",
    sql: `CREATE TABLE container_changes (
      container TEXT PRIMARY KEY, definition TEXT NOT NULL, runs INTEGER NOT NULL) STRICT`,
  },
];

/** Containers on disk. What runs is answered from memory; every change is written here first. */
export interface ContainerStore {
  /** Notes the anonymous volumes that a container is about to get, until `insert` or `forgetVolumes`. */
  planVolumes(id: string, names: readonly string[]): void;
  forgetVolumes(id: string): void;
  /** Those of containers that were never finished. */
  plannedVolumes(): { readonly container: string; readonly name: string }[];
  /** Throws SQLite's constraint error when id or name is taken. */
  insert(record: ContainerRecord): void;
  /** Name, specification and status. */
  save(record: ContainerRecord): void;
  /** Only what changes while it runs: the write on the hot path. */
  saveStatus(record: ContainerRecord): void;
  delete(id: string): void;
  /** Notes what a container is before it is changed, and whether it ran, until `endChange`. */
  beginChange(record: ContainerRecord, runs: boolean): void;
  endChange(id: string): void;
  /** Those whose change was not finished. */
  unfinishedChanges(): { readonly container: string; readonly definition: string; readonly runs: number }[];
  load(): ContainerRecord[];
}

export function createContainerStore(state: State, folderOf: (id: string) => string): ContainerStore {
  const insert = state.db.query<unknown, ContainerParameters>(
    "INSERT INTO containers VALUES ($id, $name, $created_at, $definition, $status)",
  );
  const update = state.db.query<unknown, Omit<ContainerParameters, "created_at">>(
    "UPDATE containers SET name = $name, definition = $definition, status = $status WHERE id = $id",
  );
  const updateStatus = state.db.query<unknown, [string, string]>(
    "UPDATE containers SET status = ? WHERE id = ?",
  );
  const remove = state.db.query<unknown, [string]>("DELETE FROM containers WHERE id = ?");
  const plan = state.db.query<unknown, [string, string]>("INSERT INTO planned_volumes VALUES (?, ?)");
  const forget = state.db.query<unknown, [string]>("DELETE FROM planned_volumes WHERE container = ?");
  const planned = state.db.query<{ container: string; name: string }, []>("SELECT * FROM planned_volumes");
  const change = state.db.query<unknown, [string, string, number]>(
    "INSERT OR REPLACE INTO container_changes VALUES (?, ?, ?)",
  );
  const changed = state.db.query<unknown, [string]>("DELETE FROM container_changes WHERE container = ?");
  const changes = state.db.query<{ container: string; definition: string; runs: number }, []>(
    "SELECT * FROM container_changes",
  );
  const all = state.db.query<ContainerRow, []>("SELECT * FROM containers ORDER BY created_at");
  return {
    planVolumes: (id, names) =>
      state.transaction(() => {
        for (const name of names) plan.run(id, name);
      }),
    forgetVolumes: (id) => void forget.run(id),
    plannedVolumes: () => planned.all(),
    insert: (record) =>
      state.transaction(() => {
        insert.run({ ...encodeRecord(record) });
        forget.run(record.container.id);
      }),
    save(record) {
      const { id, name, definition, status } = encodeRecord(record);
      update.run({ id, name, definition, status });
    },
    saveStatus: (record) => void updateStatus.run(encodeStatus(record), record.container.id),
    delete: (id) => void remove.run(id),
    beginChange: (record, runs) =>
      void change.run(record.container.id, encodeRecord(record).definition, Number(runs)),
    endChange: (id) => void changed.run(id),
    unfinishedChanges: () => changes.all(),
    load: () => all.all().map((row) => decodeRecord(row, folderOf)),
  };
}

type ContainerParameters = { [K in keyof ContainerRow]: string };
