import type { Registries } from "../../../distribution/index.ts";

/** What the endpoints about registries need. */
export interface RegistryBackend {
  readonly registries: Registries;
}
