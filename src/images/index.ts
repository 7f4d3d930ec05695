export type {
  HealthcheckConfig,
  Image,
  ImageConfig,
  ImageHistory,
  ImageProcess,
  ImageRecipe,
  ImageUse,
  Images,
  PullPolicy,
  RemovedImage,
} from "./image.ts";
