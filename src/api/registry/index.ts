export { createRegistryApp, type RegistryApiDependencies } from "./app.ts";
export type { AccessDependencies } from "./access.ts";
