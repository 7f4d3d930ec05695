export type { Attempts } from "./attempts.ts";
export { createRegistry, type RegistryDependencies } from "./create-registry.ts";
export { RegistryError, refuse } from "./errors.ts";
export type { CacheSettings, Caches, IncomingBlob, Upstream } from "./cache/cache.ts";
export type { CacheTotals, Outcome } from "./cache/cache.ts";
export type { RegistryEvent, StoredManifest } from "./manifest.ts";
export { indexMembers, isIndex, largestManifest, manifestTypes } from "./manifest-format.ts";
export { checkDigest, checkName, checkReference, type Reference } from "./names.ts";
export { checkPattern, fits } from "./patterns.ts";
export type { ManifestSummary, Overview, RepositorySummary } from "./overview.ts";
export type { Protection, Protections } from "./protections.ts";
export type { Quota, Quotas } from "./quotas.ts";
export type {
  Blobs,
  Chunk,
  Collected,
  Condition,
  ManifestPush,
  Manifests,
  Page,
  PushedManifest,
  Registry,
  RegistryTotals,
  Upload,
  Uploads,
} from "./registry.ts";
export type { Retention, RetentionResult, RetentionRule } from "./retention.ts";
export type { Webhook, Webhooks } from "./webhooks.ts";
export { createTokens, type Access, type TokenClaims, type Tokens } from "./tokens.ts";
export { actions, anonymous, createUsers, type Action, type Grant, type Users } from "./users.ts";
export { registryMigrations } from "./store.ts";
