import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "../base/index.ts";
import { createContentStore, type ContentStore, type Descriptor } from "../content/index.ts";
import { unmountAll } from "../host/index.ts";
import { createArchives } from "./archives.ts";
import { createLayerStore, layerMediaType, type DurableLayerStore } from "./layer-store.ts";
import type { Archives } from "./layer.ts";
import { fromUtf8, type TarEntry } from "./tar/entry.ts";
import { endOfArchive, formatEntry, padded } from "./tar/format.ts";
import { createTreeWorkers, type TreeWorkers } from "./worker/pool.ts";

/** Real stores in a temporary directory; disposing unmounts and removes all. */
export interface LayerFixture extends AsyncDisposable {
  readonly root: string;
  readonly content: ContentStore;
  readonly layers: DurableLayerStore;
  readonly archives: Archives;
  readonly workers: TreeWorkers;
  /** A path below `root`. */
  at(...parts: string[]): string;
  /** Stores a blob and describes it. */
  blob(bytes: Uint8Array, mediaType?: string): Promise<Descriptor>;
  /** Opens the store anew, as after a restart. */
  reopen(boot?: string): Promise<DurableLayerStore>;
}

export async function createLayerFixture(): Promise<LayerFixture> {
  const root = mkdtempSync(join(tmpdir(), "virga-layers-"));
  const workers = createTreeWorkers({ clock: systemClock });
  const content = await createContentStore({ directory: join(root, "content") });
  const directory = join(root, "layers");
  const open = (boot?: string) =>
    createLayerStore({ directory, content, workers, logger: silentLogger, ...(boot ? { boot } : {}) });
  return {
    root,
    content,
    layers: await open(),
    archives: createArchives({ workers }),
    workers,
    at: (...parts) => join(root, ...parts),
    blob: async (bytes, mediaType = layerMediaType) => ({ mediaType, ...(await content.put(bytes)) }),
    reopen: open,
    async [Symbol.asyncDispose]() {
      await workers.close();
      unmountAll(root, { lazy: true });
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export type EntryDraft = Partial<Omit<TarEntry, "xattrs">> & {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
};

/** An archive of entries as they are given, hostile ones too. Paths are UTF-8. */
export function tarOf(...drafts: readonly EntryDraft[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { content = "", xattrs, ...draft } of drafts) {
    const bytes = Buffer.from(content);
    const entry: TarEntry = {
      type: draft.path.endsWith("/") ? "directory" : "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      modifiedNs: 1_700_000_000_000_000_000n,
      ...draft,
      path: fromUtf8(draft.path),
      ...(draft.linkTarget === undefined ? {} : { linkTarget: fromUtf8(draft.linkTarget) }),
      ...(xattrs ? { xattrs: new Map(Object.entries(xattrs)) } : {}),
    };
    parts.push(formatEntry(entry), bytes, new Uint8Array(padded(bytes.length) - bytes.length));
  }
  return Buffer.concat([...parts, endOfArchive]);
}

/** What `promise` was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
