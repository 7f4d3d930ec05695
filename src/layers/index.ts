export { createArchives, type ArchivesDependencies } from "./archives.ts";
export {
  createLayerStore,
  layerMediaType,
  type DurableLayerStore,
  type LayerStoreDependencies,
} from "./layer-store.ts";
export type {
  Archives,
  Change,
  CreateOptions,
  DiffId,
  ExtractOptions,
  GrowingBlob,
  LayerInfo,
  LayerStore,
  OverlayMount,
  UnpackLimits,
} from "./layer.ts";
export { createTreeWorkers, type TreeWorkers, type TreeWorkersDependencies } from "./worker/pool.ts";
export { fromUtf8, toUtf8, type ByteString, type TarEntry } from "./tar/entry.ts";
export { endOfArchive, formatEntry, padded } from "./tar/format.ts";
export { TarParser, type TarSink } from "./tar/parser.ts";
