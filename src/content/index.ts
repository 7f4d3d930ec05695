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
