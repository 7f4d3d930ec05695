import type { DiffId, LayerStore } from "../layers/index.ts";
import type { Migration, State } from "../state/index.ts";
import { mergeLayers } from "./merge.ts";
import type { ImageInventory, TreeInventory } from "./package.ts";
import { scanTree } from "./scan-tree.ts";

export const inventoryMigrations: readonly Migration[] = [
  {
    id: "inventory/layers-001",
    sql: "CREATE TABLE layer_inventories (diff_id TEXT PRIMARY KEY, version INTEGER NOT NULL, found TEXT NOT NULL) STRICT",
  },
];

/** Another number when the readers find more or other things: then layers are looked at again. */
const version = 2;

/** Which packages layers and images have. A layer is looked at once, since it never changes. */
export interface Inventories {
  ofLayer(diffId: DiffId, signal?: AbortSignal): Promise<TreeInventory>;
  /** Layers from the bottom to the top. */
  ofLayers(diffIds: readonly DiffId[], signal?: AbortSignal): Promise<ImageInventory>;
  /** Forgets what is known of layers that are gone. */
  forget(): void;
}

export interface InventoriesDependencies {
  readonly state: State;
  readonly layers: Pick<LayerStore, "path" | "list">;
}

export function createInventories({ state, layers }: InventoriesDependencies): Inventories {
  const find = state.db.query<{ found: string }, [string, number]>(
    "SELECT found FROM layer_inventories WHERE diff_id = ? AND version = ?",
  );
  const save = state.db.query("INSERT OR REPLACE INTO layer_inventories VALUES (?, ?, ?)");
  const all = state.db.query<{ diff_id: DiffId }, []>("SELECT diff_id FROM layer_inventories");
  const remove = state.db.query("DELETE FROM layer_inventories WHERE diff_id = ?");
  const underWay = new Map<DiffId, Promise<TreeInventory>>();

  const scan = async (diffId: DiffId, signal: AbortSignal | undefined) => {
    const found = await scanTree(layers.path(diffId), signal);
    save.run(diffId, version, JSON.stringify(found));
    return found;
  };
  const ofLayer: Inventories["ofLayer"] = async (diffId, signal) => {
    const row = find.get(diffId, version);
    if (row) return JSON.parse(row.found) as TreeInventory;
    const other = underWay.get(diffId);
    if (other && signal === undefined) return await other;
    const work = scan(diffId, signal);
    underWay.set(diffId, work);
    try {
      return await work;
    } finally {
      if (underWay.get(diffId) === work) underWay.delete(diffId);
    }
  };
  return {
    ofLayer,
    async ofLayers(diffIds, signal) {
      const scanned = [];
      for (const diffId of diffIds) {
        scanned.push({ root: layers.path(diffId), inventory: await ofLayer(diffId, signal) });
      }
      return mergeLayers(scanned);
    },
    forget() {
      const there = new Set(layers.list().map((layer) => layer.diffId));
      state.transaction(() => {
        for (const { diff_id: diffId } of all.all()) if (!there.has(diffId)) remove.run(diffId);
      });
    },
  };
}
