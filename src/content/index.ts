export { createContentStore, parseDigest, type ContentStoreDependencies } from "./content-store.ts";
export type {
  BlobInfo,
  BlobWriter,
  ContentStore,
  Descriptor,
  Digest,
  PartialBlob,
  Platform,
  Purpose,
} from "./content.ts";
export { createScrubber, type DamagedBlob, type Scrubber, type ScrubStatus } from "./scrub.ts";
