export type { BuildContext, BuildEvent, BuildRequest, BuildResult, Builds, CacheRecord } from "./build.ts";
export type { BuildsDependencies } from "./build-run.ts";
export { buildMigrations, createBuilds } from "./builds.ts";
export { applyChanges } from "./changes.ts";
