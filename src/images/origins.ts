import type { Digest } from "../content/index.ts";
import type { Migration, State } from "../state/index.ts";
import type { Origin } from "./image.ts";

export const originMigration: Migration = {
  id: "images/005-origins",
  sql: `
    CREATE TABLE image_origins (
      image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE, origin TEXT NOT NULL,
      PRIMARY KEY (image_id, origin)) STRICT;`,
};

export interface OriginTable {
  /** All ways by which the image came here; none for one of before they were written down. */
  originsOf(id: Digest): Origin[];
  addOrigin(id: Digest, origin: Origin): void;
}

export function createOriginTable(db: State["db"]): OriginTable {
  const byImage = db.query<{ origin: Origin }, [string]>(
    "SELECT origin FROM image_origins WHERE image_id = ? ORDER BY rowid",
  );
  return {
    originsOf: (id) => byImage.all(id).map((row) => row.origin),
    addOrigin(id, origin) {
      db.query("INSERT OR IGNORE INTO image_origins VALUES (?, ?)").run(id, origin);
    },
  };
}
