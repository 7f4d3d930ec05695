import type { State } from "../state/index.ts";
import type { RegistryTotals } from "./registry.ts";

export function readTotals({ db }: State): RegistryTotals {
  return db
    .query<RegistryTotals, []>(
      `SELECT (SELECT count(*) FROM registry_repositories) AS repositories,
         (SELECT count(*) FROM registry_manifests) AS manifests,
         (SELECT count(*) FROM registry_tags) AS tags,
         (SELECT count(DISTINCT digest) FROM registry_links) AS blobs,
         (SELECT coalesce(sum(size), 0) FROM (SELECT digest, size FROM registry_links
            UNION SELECT digest, size FROM registry_manifests)) AS bytes,
         (SELECT count(*) FROM registry_uploads) AS uploads,
         (SELECT count(*) FROM registry_deliveries) AS deliveries`,
    )
    .get()!;
}
