export type { BuildEvent, BuildStep, StepNews } from "./build-event.ts";
export type {
  AttestRequest,
  BuildContext,
  BuildRequest,
  BuildResult,
  Builds,
  CacheRecord,
  Entitlement,
  NamedContext,
  Ulimit,
} from "./build.ts";
export {
  cacheSource,
  cacheTarget,
  isForeignCache,
  parseCacheSource,
  parseCacheTarget,
  type CacheSource,
  type CacheTarget,
} from "./cache/exchange/places.ts";
export type { Outline, OutlinedArgument, OutlinedMount, Target } from "./outline/outline.ts";
export { parseLock, type LockFile } from "./lock/lock-file.ts";
export type { Difference, Verification } from "./verify/verification.ts";
export type { BuildsDependencies } from "./build-run.ts";
export { parseCacheLimit, type CacheLimit } from "./cache/tidying.ts";
export { buildMigrations, createBuilds, type BuildSettings } from "./builds.ts";
export { stageReport } from "./stage-report.ts";
export { applyChanges } from "./changes.ts";
export { parseContext, parseNamedContext } from "./context/named-context.ts";
export { formatLint, type LintWarning } from "./lint/warning.ts";
export { describeFailure, failureOf, type StepFailure } from "./steps/step-failure.ts";
