export { createDockerApi, type DockerApi } from "./api.ts";
export { fieldTables } from "./field-tables.ts";
export type { DockerApiDependencies } from "./dependencies.ts";
export type { FieldRule, FieldTable } from "./http/fields.ts";
export { quirks, type Quirk } from "./quirks.ts";
export type { DaemonFacts } from "./system/backend.ts";
export { newestVersion, oldestVersion, versionText } from "./versions.ts";
