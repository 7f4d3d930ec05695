import type { Clock } from "../../../base/index.ts";
import type { Descriptor } from "../../../content/index.ts";
import type { DiffId } from "../../../layers/index.ts";
import type { Migration, State } from "../../../state/index.ts";
import type { Compression } from "./places.ts";

/** What layers were when they were compressed for a cache elsewhere, so that one that is there need not be made again. */
export interface ExportedLayers {
  find(diffId: DiffId, compression: Compression): Descriptor | undefined;
  remember(diffId: DiffId, compression: Compression, blob: Descriptor): void;
}

export const exportedLayerMigrations: readonly Migration[] = [
  {
    id: "builds/exports-001",
    sql: `CREATE TABLE build_exports (
      diff_id TEXT NOT NULL, compression TEXT NOT NULL, blob TEXT NOT NULL, made_at INTEGER NOT NULL,
      PRIMARY KEY (diff_id, compression)) STRICT`,
  },
];

/** What was compressed longer ago is forgotten, and compressed anew if it is still wanted. */
const keptMs = 90 * 24 * 3600 * 1000;

export function createExportedLayers(state: State, clock: Clock): ExportedLayers {
  const find = state.db.query<{ blob: string }, [string, string]>(
    "SELECT blob FROM build_exports WHERE diff_id = ? AND compression = ?",
  );
  const insert = state.db.query("INSERT OR REPLACE INTO build_exports VALUES (?, ?, ?, ?)");
  return {
    find(diffId, compression) {
      const row = find.get(diffId, compression);
      return row ? (JSON.parse(row.blob) as Descriptor) : undefined;
    },
    remember(diffId, compression, blob) {
      insert.run(diffId, compression, JSON.stringify(blob), clock.now().getTime());
    },
  };
}

export function forgetOldExports(state: State, clock: Clock): void {
  state.db.run("DELETE FROM build_exports WHERE made_at < ?", [clock.now().getTime() - keptMs]);
}
