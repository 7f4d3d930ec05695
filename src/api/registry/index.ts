export { createRegistryApp, type RegistryApiDependencies } from "./app.ts";
export type { Action, Caller } from "./call.ts";
