import { join } from "node:path";
import type { Clock } from "../base/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { State } from "../state/index.ts";
import { createBlobs } from "./blobs.ts";
import { createLeases } from "./leases.ts";
import { createLinkTable } from "./link-table.ts";
import { createManifestTable } from "./manifest-table.ts";
import { createManifests } from "./manifests.ts";
import type { Registry } from "./registry.ts";
import { createRepositories } from "./repositories.ts";
import { createUploads } from "./uploads.ts";

export interface RegistryDependencies {
  /** `ROOT/registry`; made when missing. */
  readonly directory: string;
  readonly state: State;
  readonly content: ContentStore;
  readonly clock: Clock;
}

export function createRegistry({ directory, ...common }: RegistryDependencies): Registry {
  const { state, clock } = common;
  const leases = createLeases();
  const repositories = createRepositories(state, clock);
  const table = createManifestTable(state, clock);
  const links = createLinkTable(state, clock);
  const shared = { ...common, leases, repositories, links };
  const uploads = createUploads({ ...shared, directory: join(directory, "uploads") });
  return {
    manifests: createManifests({ ...shared, table }),
    blobs: createBlobs(shared),
    uploads,
    repositories: (page = {}) => repositories.list(page),
    needs: (digest) => leases.has(digest) || links.isNeeded(digest),
  };
}
