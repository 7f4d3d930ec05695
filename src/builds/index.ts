export type {
  BuildContext,
  BuildEvent,
  BuildRequest,
  BuildResult,
  Builds,
  CacheRecord,
  Entitlement,
  NamedContext,
} from "./build.ts";
export type { BuildsDependencies } from "./build-run.ts";
export { buildMigrations, createBuilds } from "./builds.ts";
export { applyChanges } from "./changes.ts";
export { parseNamedContext } from "./context/named-context.ts";
