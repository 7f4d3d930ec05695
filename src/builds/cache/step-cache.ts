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
}

export interface CacheEntry extends StepResult {
  readonly key: string;
  readonly lastUsed: number;
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
];

interface Row {
  key: string;
  step: string;
  diff_id: string | null;
  descriptor: string | null;
  size: number;
  created: string;
  last_used: number;
}

export interface StepCacheDependencies {
  readonly state: State;
  readonly clock: Clock;
  /** Whether layer and blob are still there; an entry without them is dropped. */
  readonly isWhole: (diffId: DiffId, blob: Digest) => boolean;
}

export function createStepCache({ state, clock, isWhole }: StepCacheDependencies): StepCache {
  const find = state.db.query<Row, [string]>("SELECT * FROM build_steps WHERE key = ?");
  const touch = state.db.query("UPDATE build_steps SET last_used = ? WHERE key = ?");
  const save = state.db.query("INSERT OR REPLACE INTO build_steps VALUES (?, ?, ?, ?, ?, ?, ?)");
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
    save(key, { step, layer, created }) {
      const { diffId = null, descriptor, size = 0 } = layer ?? {};
      save.run(key, step, diffId, descriptor ? JSON.stringify(descriptor) : null, size, created, now());
    },
    remove(keys) {
      state.transaction(() => keys.forEach((key) => forget.run(key)));
    },
    list: () => all.all().map((row) => ({ key: row.key, lastUsed: row.last_used, ...resultOf(row) })),
  };
}

function resultOf(row: Row): StepResult {
  const { step, created } = row;
  if (row.diff_id === null || row.descriptor === null) return { step, layer: undefined, created };
  const descriptor = JSON.parse(row.descriptor) as Descriptor;
  return { step, layer: { diffId: row.diff_id as DiffId, descriptor, size: row.size }, created };
}
