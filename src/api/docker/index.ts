export { createDockerApi, type DockerApi } from "./api.ts";
export { endpoints } from "./endpoints.ts";
export { absentFields } from "./reference/absent.ts";
export type { DockerApiDependencies } from "./dependencies.ts";
export type { Endpoint, EndpointTable } from "./http/endpoint.ts";
export { partsOf, type FieldRule, type FieldTable } from "./http/fields.ts";
export { quirks, type Quirk } from "./quirks.ts";
export type { DaemonFacts } from "./system/backend.ts";
export { newestVersion, oldestVersion, versionText } from "./versions.ts";
