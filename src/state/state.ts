import { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { fail } from "../base/index.ts";
import { createLogFlush } from "./flush.ts";
import { reserveLog } from "./reserve.ts";

/** A change of the schema. `id` is never reused (`containers/001`); lists are append-only. */
export interface Migration {
  readonly id: string;
  readonly sql: string;
}

/** The daemon's SQLite database. One writer, this process. */
export interface State {
  readonly db: Database;
  /** Runs `work` in one transaction; rolled back when it throws. `work` must be synchronous. */
  transaction<T>(work: () => T): T;
  /** Resolves when every change made so far would outlive a power cut; a crash of this process loses none anyway. */
  flushed(): Promise<void>;
  close(): void;
}

/** Opens (or makes) the database at `path` (`:memory:` for tests) and brings it to the newest schema. */
export function openState(path: string, migrations: readonly Migration[]): State {
  // Containers' environments are in it: nobody but root may read it, nor the files that SQLite makes after its example.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = NORMAL");
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA busy_timeout = 2000");
  migrate(db, migrations);
  if (path !== ":memory:") reserveLog(db, path);
  return {
    db,
    transaction: (work) => db.transaction(work)(),
    flushed: path === ":memory:" ? () => Promise.resolve() : createLogFlush(`${path}-wal`),
    close: () => db.close(),
  };
}

function migrate(db: Database, migrations: readonly Migration[]): void {
  db.run("CREATE TABLE IF NOT EXISTS migrations (id TEXT PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
  const applied = new Set(
    db
      .query<{ id: string }, []>("SELECT id FROM migrations")
      .all()
      .map((row) => row.id),
  );
  const known = new Set(migrations.map((one) => one.id));
  const unknown = [...applied].filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw fail(
      "precondition",
      "state.newer",
      `the state was written by a newer Virga (${unknown.join(", ")})`,
      {
        hint: "start it with that version, or use another --root",
      },
    );
  }
  for (const migration of migrations) {
    if (applied.has(migration.id)) continue;
    db.transaction(() => {
      db.run(migration.sql);
      db.run("INSERT INTO migrations VALUES (?, datetime('now'))", [migration.id]);
    })();
  }
}
