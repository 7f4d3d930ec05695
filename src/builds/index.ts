export type { BuildEvent, BuildStep, StepNews } from "./build-event.ts";
export type {
  BuildContext,
  BuildRequest,
  BuildResult,
  Builds,
  CacheRecord,
  Entitlement,
  NamedContext,
} from "./build.ts";
export type { BuildsDependencies } from "./build-run.ts";
export { buildMigrations, createBuilds } from "./builds.ts";
export { stageReport } from "./stage-report.ts";
export { applyChanges } from "./changes.ts";
export { parseNamedContext } from "./context/named-context.ts";
export { formatLint, type LintWarning } from "./lint/warning.ts";
