export type {
  Archives,
  Change,
  CreateOptions,
  DiffId,
  ExtractOptions,
  LayerInfo,
  LayerStore,
  OverlayMount,
  TarEntry,
  UnpackLimits,
} from "./layer.ts";
