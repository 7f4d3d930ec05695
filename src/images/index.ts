export { createBaseImages, sweepBaseImages, type BaseImageDependencies } from "./base-images/base-images.ts";
export type { Admission, Evidence } from "./admission.ts";
export { parsePlatform } from "./ensure.ts";
export { canonicalJson, hostPlatform, mediaTypes } from "./formats.ts";
export type { BlobUse, LayerUse } from "./garbage.ts";
export { decompress } from "./archive/decompress.ts";
export { describeRemote, manifestChain, manifestTree } from "./describe-remote.ts";
export { historyRows, shownComment, type HistoryRow } from "./history.ts";
export type {
  HealthcheckConfig,
  Image,
  ImageConfig,
  ImageHistory,
  ImageProcess,
  ImageRecipe,
  ImageUse,
  Images,
  Origin,
  PullOptions,
  PullPolicy,
  PushedTag,
  RemovedImage,
} from "./image.ts";
export { createImages, type ImagesDependencies } from "./images.ts";
export type { Artifact, ArtifactLayer, Referrer, Referrers } from "./referrers/referrer.ts";
export { pullSummary } from "./pull/summary.ts";

export {
  familiar,
  familiarRepository,
  formatReference,
  isDigest,
  normalise,
  parseDigest,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Reference,
} from "./reference.ts";
export { repositoryDigests } from "./remove.ts";
export type { FetchOptions, ImageSource } from "./source.ts";
export { imageMigrations, subjectsOf } from "./store.ts";
export { publishArtifact } from "./push/publish.ts";
