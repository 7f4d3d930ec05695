import { readFileSync, type BigIntStats } from "node:fs";
import { open } from "node:fs/promises";
import type { Clock } from "../../base/index.ts";
import type { Migration, State } from "../../state/index.ts";

/** SHA-256 of files' contents, remembered for folders that are built from again and again. */
export interface FileDigests {
  digest(absolute: string, stat: BigIntStats, signal?: AbortSignal): Promise<string>;
  /** Writes down what is new, all at once. */
  save(): void;
}

export const fileDigestMigrations: readonly Migration[] = [
  {
    id: "builds/files-001",
    sql: `CREATE TABLE build_files (
      path TEXT PRIMARY KEY, identity TEXT NOT NULL, digest TEXT NOT NULL, used_at INTEGER NOT NULL) STRICT`,
  },
];

/** A file changed this shortly before it was read may change again without a new time stamp: not remembered. */
const settleMs = 100;
/** What no build asked for in that time is forgotten. */
const keptMs = 30 * 24 * 3600 * 1000;

/**
 * Without `state` nothing is remembered (an unpacked tar is gone after the build). `hashed`, by path, are files that were
 * hashed when they were written to a folder that nobody else writes to.
 */
export function createFileDigests(
  clock: Clock,
  state: State | undefined,
  hashed: ReadonlyMap<string, string> = new Map(),
): FileDigests {
  if (!state) {
    const digest = async (absolute: string, stat: BigIntStats, signal?: AbortSignal) =>
      hashed.get(absolute) ?? (await hash(absolute, stat, signal));
    return { digest, save: () => {} };
  }
  const find = state.db.query<{ identity: string; digest: string; used_at: number }, [string]>(
    "SELECT identity, digest, used_at FROM build_files WHERE path = ?",
  );
  const insert = state.db.query("INSERT OR REPLACE INTO build_files VALUES (?, ?, ?, ?)");
  let fresh: [path: string, identity: string, digest: string, usedAt: number][] = [];
  return {
    async digest(absolute, stat, signal) {
      const now = clock.now().getTime();
      const identity = identityOf(stat);
      const known = find.get(absolute);
      if (known?.identity === identity) {
        if (now - known.used_at > keptMs / 10) fresh.push([absolute, identity, known.digest, now]);
        return known.digest;
      }
      const digest = await hash(absolute, stat, signal);
      if (now - Number(stat.ctimeMs) > settleMs) fresh.push([absolute, identity, digest, now]);
      return digest;
    },
    save() {
      const rows = fresh;
      fresh = [];
      if (rows.length > 0) state.transaction(() => rows.forEach((row) => insert.run(...row)));
    },
  };
}

export function forgetOldDigests(state: State, clock: Clock): void {
  state.db.run("DELETE FROM build_files WHERE used_at < ?", [clock.now().getTime() - keptMs]);
}

/** ctime changes with every write, also one that sets mtime back. */
function identityOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

/** Up to this size a file is read at once: asking a thread costs more than the reading. */
const smallFile = 128n * 1024n;

async function hash(path: string, stat: BigIntStats, signal?: AbortSignal): Promise<string> {
  if (stat.size > smallFile) return await hashFile(path, signal);
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const buffer = Buffer.allocUnsafe(1 << 20);
  await using file = await open(path, "r");
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return hasher.digest("hex");
    hasher.update(buffer.subarray(0, bytesRead));
  }
}
