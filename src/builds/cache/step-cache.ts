import type { Clock } from "../../base/index.ts";
import type { Descriptor, Digest } from "../../content/index.ts";
import type { DiffId } from "../../layers/index.ts";
import type { Migration, State } from "../../state/index.ts";

/** How history marks which step made a layer, so that an image is a cache as well. */
export const stepComment = "virga.step:";

/** What a step made. Without a layer it changed no file. */
export interface StepResult {
  /** The step's own key: the same result may stand under another one as well (see copy-step.ts). */
  readonly step: string;
  readonly layer:
    | { readonly diffId: DiffId; readonly descriptor: Descriptor; readonly size: number }
    | undefined;
  /** RFC 3339: what history said of it when it ran. */
  readonly created: string;
  /** The instruction, for whoever looks at the cache. */
  readonly description?: string;
}

export interface CacheEntry extends StepResult {
  readonly key: string;
  readonly description: string;
  readonly made: number;
  readonly lastUsed: number;
  readonly uses: number;
}

/** Steps' results by key (see step-key.ts), in SQLite. The last result under a key counts. */
export interface StepCache {
  find(key: string): StepResult | undefined;
  save(key: string, result: StepResult): void;
  remove(keys: readonly string[]): void;
  list(): CacheEntry[];
}

export const stepCacheMigrations: readonly Migration[] = [
  {
    id: "builds/steps-001",
    sql: `CREATE TABLE build_steps (
      key TEXT PRIMARY KEY, step TEXT NOT NULL, diff_id TEXT, descriptor TEXT, size INTEGER NOT NULL, created TEXT NOT NULL,
      last_used INTEGER NOT NULL) STRICT`,
  },
  {
    id: "builds/steps-002",
    sql: `ALTER TABLE build_steps ADD COLUMN description TEXT NOT NULL DEFAULT '';
      ALTER TABLE build_steps ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE build_steps ADD COLUMN uses INTEGER NOT NULL DEFAULT 1`,
  },
];

interface Row {
  key: string;
  step: string;
  diff_id: string | null;
  descriptor: string | null;
  size: number;
  created: string;
  last_used: number;
  description: string;
  made_at: number;
  uses: number;
}

export interface StepCacheDependencies {
  readonly state: State;
  readonly clock: Clock;
  /** Whether layer and blob are still there; an entry without them is dropped. */
  readonly isWhole: (diffId: DiffId, blob: Digest) => boolean;
}

export function createStepCache({ state, clock, isWhole }: StepCacheDependencies): StepCache {
  const find = state.db.query<Row, [string]>("SELECT * FROM build_steps WHERE key = ?");
  const touch = state.db.query("UPDATE build_steps SET last_used = ?, uses = uses + 1 WHERE key = ?");
  const save = state.db.query(
    `INSERT OR REPLACE INTO build_steps (key, step, diff_id, descriptor, size, created, last_used, made_at, description)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)`,
  );
  const forget = state.db.query("DELETE FROM build_steps WHERE key = ?");
  const all = state.db.query<Row, []>("SELECT * FROM build_steps ORDER BY last_used");
  const now = () => clock.now().getTime();
  return {
    find(key) {
      const row = find.get(key);
      if (!row) return undefined;
      const result = resultOf(row);
      if (result.layer && !isWhole(result.layer.diffId, result.layer.descriptor.digest)) {
        forget.run(key);
        return undefined;
      }
      touch.run(now(), key);
      return result;
    },
    save(key, { step, layer, created, description = "" }) {
      const { diffId = null, descriptor, size = 0 } = layer ?? {};
      const blob = descriptor ? JSON.stringify(descriptor) : null;
      save.run(key, step, diffId, blob, size, created, now(), description);
    },
    remove(keys) {
      state.transaction(() => keys.forEach((key) => forget.run(key)));
    },
    list: () =>
      all.all().map((row) => ({
        ...resultOf(row),
        key: row.key,
        description: row.description,
        made: row.made_at || row.last_used,
        lastUsed: row.last_used,
        uses: row.uses,
      })),
  };
}

function resultOf(row: Row): StepResult {
  const { step, created, description } = row;
  if (row.diff_id === null || row.descriptor === null)
    return { step, layer: undefined, created, description };
  const descriptor = JSON.parse(row.descriptor) as Descriptor;
  return { step, layer: { diffId: row.diff_id as DiffId, descriptor, size: row.size }, created, description };
}
