export type { BlobInfo, BlobWriter, ContentStore, Descriptor, Digest, Platform } from "./content.ts";
