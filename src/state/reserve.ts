import { constants, type Database } from "bun:sqlite";
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";

/** As large as SQLite lets the log grow before it is used anew from its start (1000 pages, wal_autocheckpoint). */
const reserveBytes = 4 << 20;

/**
 * Gives the write-ahead log of the database at `path` its full size at once, and keeps it when the database is closed.
 * Changes then find room in it on a full disk too; without it not even a container could be removed to free space. On a
 * disk that is full already it stays as large as it was.
 *
 * What follows the log's last frame is not read by SQLite (https://www.sqlite.org/walformat.html, section 4.4). The file itself is
 * never locked, so a second descriptor of it does no harm.
 */
export function reserveLog(db: Database, path: string): void {
  db.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
  const file = openSync(`${path}-wal`, "r+");
  try {
    const zeros = Buffer.alloc(1 << 16);
    for (let at = fstatSync(file).size; at < reserveBytes;) {
      at += writeSync(file, zeros, 0, Math.min(zeros.length, reserveBytes - at), at);
    }
  } catch {
    return; // full: what is there has to do
  } finally {
    closeSync(file);
  }
}
