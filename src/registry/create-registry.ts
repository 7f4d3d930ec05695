import { join } from "node:path";
import type { Clock, Logger } from "../base/index.ts";
import type { ContentStore, Digest } from "../content/index.ts";
import type { Registries } from "../distribution/index.ts";
import type { State } from "../state/index.ts";
import { createAttempts } from "./attempts.ts";
import { createBackground } from "./background.ts";
import { createBlobs } from "./blobs.ts";
import type { CacheSettings } from "./cache/cache.ts";
import { createCaches } from "./cache/create-caches.ts";
import { createRegistryGarbage } from "./garbage.ts";
import { createLeases } from "./leases.ts";
import { createLinkTable } from "./link-table.ts";
import { createManifestTable } from "./manifest-table.ts";
import { createManifests } from "./manifests.ts";
import { createOverview } from "./overview.ts";
import { createProtections } from "./protections.ts";
import { createQuotas } from "./quotas.ts";
import type { Registry } from "./registry.ts";
import { createRepositories } from "./repositories.ts";
import { createRetention } from "./retention.ts";
import { createTokens } from "./tokens.ts";
import { readTotals } from "./totals.ts";
import { createUploads } from "./uploads.ts";
import { createUsers } from "./users.ts";
import { createWebhooks } from "./webhooks.ts";

export interface RegistryDependencies {
  /** `ROOT/registry`; made when missing. */
  readonly directory: string;
  readonly state: State;
  readonly content: ContentStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The content store's own collection: removes those of the blobs that nobody needs; returns the bytes freed. */
  readonly removeUnneeded: (blobs: readonly Digest[]) => Promise<number>;
  /** Other registries that this one keeps the images of, and how they are reached. */
  readonly cache?: { readonly settings: CacheSettings; readonly registries: Pick<Registries, "open"> };
}

export function createRegistry(dependencies: RegistryDependencies): Registry {
  const { directory, removeUnneeded, cache = noCache, ...common } = dependencies;
  const { state, clock, logger } = common;
  const leases = createLeases();
  const repositories = createRepositories(state, clock);
  const links = createLinkTable(state, clock);
  const quotas = createQuotas(state);
  const protections = createProtections(state);
  const shared = { ...common, leases, repositories, links, quotas, protections };
  const uploads = createUploads({ ...shared, directory: join(directory, "uploads") });
  const garbage = createRegistryGarbage({ state, clock, uploads, removeUnneeded });
  const retention = createRetention(state, clock, protections);
  const webhooks = createWebhooks(common);
  const table = createManifestTable(state, clock);
  const manifests = createManifests({
    ...shared,
    table,
    announce: (happened) => webhooks.announce(happened),
    release: (blobs) => garbage.release(blobs),
  });
  const blobs = createBlobs({ ...shared, release: (gone) => garbage.release(gone) });
  const caches = createCaches({
    ...shared,
    ...cache,
    manifests,
    blobs,
    release: (gone) => garbage.release(gone),
  });
  const collectGarbage = async () => {
    const evicted = await caches.evict();
    const { manifests: gone } = retention.apply();
    const freed = await garbage.release(gone.map((one) => one.digest));
    const collected = await garbage.collect();
    return { ...collected, freed: collected.freed + freed + evicted };
  };
  const work = createBackground({ clock, logger, webhooks, collectGarbage });
  return {
    manifests,
    blobs,
    caches,
    uploads,
    quotas,
    retention,
    protections,
    overview: createOverview(state),
    webhooks,
    users: createUsers(state, clock),
    tokens: createTokens(directory, clock),
    attempts: createAttempts(clock, logger),
    totals: () => readTotals(state),
    collectGarbage,
    holders: (digest) => links.everyHolder(digest),
    repositories: (page = {}) => repositories.list(page),
    needs: (digest) => leases.has(digest) || links.isNeeded(digest),
    start: () => work.start(),
    close: () => work.close().finally(() => caches.close()),
  };
}

const noCache: NonNullable<RegistryDependencies["cache"]> = {
  settings: { upstreams: [], bytes: 0 },
  registries: { open: () => Promise.reject(new Error("no registry is cached")) },
};
