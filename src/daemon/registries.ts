import type { Clock, Logger } from "../base/index.ts";
import {
  checkSettings,
  createRegistries,
  defaultSettings,
  type Registries,
  type RegistrySettings,
} from "../distribution/index.ts";
import type { DaemonIdentity } from "../host/index.ts";
import type { ConfigFile } from "./config-file.ts";

/** How registries are reached: the options of `virga serve` on top of the configuration file. Throws `invalid`. */
export function registrySettings(
  file: ConfigFile,
  options: { readonly mirrors: readonly string[]; readonly insecure: readonly string[] },
): RegistrySettings {
  return checkSettings({
    mirrors: [...options.mirrors, ...(file["registry-mirrors"] ?? [])],
    mirrorsOf: file.mirrors ?? {},
    insecure: [...options.insecure, ...(file["insecure-registries"] ?? [])],
    maxDownloads: file["max-concurrent-downloads"] ?? defaultSettings.maxDownloads,
    maxUploads: file["max-concurrent-uploads"] ?? defaultSettings.maxUploads,
  });
}

/** Certificates are Docker's, and those of this daemon alone, which come first. */
export function openRegistries(
  identity: DaemonIdentity,
  clock: Clock,
  logger: Logger,
  settings: RegistrySettings,
): Registries {
  const certificateDirectories = [identity.path("certs.d"), "/etc/docker/certs.d"];
  return createRegistries({ settings, clock, logger, environment: process.env, certificateDirectories });
}
