export {
  credentialsByServer,
  credentialsFrom,
  credentialsFromConfigHeader,
  credentialsFromHeader,
  domainOfServer,
} from "./credentials.ts";
export type { AuthConfig, Credentials, CredentialsOf } from "./credentials.ts";
export { depthOf, manifestTypes } from "./documents.ts";
export { registryCode } from "./failures.ts";
export { createRegistries, type RegistriesDependencies } from "./registries.ts";
export type {
  AccessOptions,
  BlobSource,
  Registries,
  RemoteManifest,
  RemoteRepository,
  RepositoryName,
} from "./repository.ts";
export { checkSettings, defaultSettings, type RegistrySettings } from "./settings.ts";
