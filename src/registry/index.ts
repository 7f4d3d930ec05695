export { createRegistry, type RegistryDependencies } from "./create-registry.ts";
export { RegistryError, refuse } from "./errors.ts";
export { indexMembers, isIndex, largestManifest, manifestTypes } from "./manifest-format.ts";
export { checkDigest, checkName, checkReference, type Reference } from "./names.ts";
export type {
  Blobs,
  Chunk,
  Condition,
  ManifestPush,
  Manifests,
  Page,
  PushedManifest,
  Registry,
  StoredManifest,
  Upload,
  Uploads,
} from "./registry.ts";
export { registryMigrations } from "./store.ts";
