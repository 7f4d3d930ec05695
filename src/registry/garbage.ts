import { KeyedLock, type Clock } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { State } from "../state/index.ts";
import type { Collected } from "./registry.ts";
import type { UploadSessions } from "./uploads.ts";

export interface RegistryGarbage {
  /** One at a time; pushes go on meanwhile. */
  collect(): Promise<Collected>;
  /** Frees those of the blobs that nobody needs any more. */
  release(digests: readonly Digest[]): Promise<number>;
}

export interface RegistryGarbageDependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly uploads: UploadSessions;
  /** The content store's own collection: removes those of the blobs that neither the engine nor the registry needs. */
  readonly removeUnneeded: (blobs: readonly Digest[]) => Promise<number>;
}

/**
 * A link that no manifest refers to may belong to a push that has yet to send its manifest. It is let go when nobody has
 * pushed to the repository for an hour, or, in one that is always busy, when it is a week old; never while an upload to
 * the repository is open.
 */
const quietMs = 3_600_000;
const staleMs = 7 * 24 * 3_600_000;
/** So long nothing was added to an upload that is given up. */
const idleUploadMs = 24 * 3_600_000;

export function createRegistryGarbage(dependencies: RegistryGarbageDependencies): RegistryGarbage {
  const { state, clock, uploads, removeUnneeded } = dependencies;
  const unlink = state.db.query<{ digest: Digest }, [number, number, number]>(
    `DELETE FROM registry_links AS link
     WHERE NOT EXISTS (SELECT 1 FROM registry_references AS r
                       WHERE r.repository = link.repository AND r.target = link.digest)
       AND repository IN (SELECT id FROM registry_repositories
                          WHERE name NOT IN (SELECT repository FROM registry_uploads)
                            AND (active_at < ? OR link.touched_at < ?))
       AND touched_at < ? RETURNING digest`,
  );
  const forgetEmpty = state.db.query<unknown, [number]>(
    `DELETE FROM registry_repositories AS r WHERE active_at < ?
       AND NOT EXISTS (SELECT 1 FROM registry_links WHERE repository = r.id)
       AND NOT EXISTS (SELECT 1 FROM registry_manifests WHERE repository = r.id)`,
  );
  const turns = new KeyedLock();
  const collect = async (): Promise<Collected> => {
    const now = clock.now().getTime();
    const expired = await uploads.expire(now - idleUploadMs);
    const dropped = state.transaction(() => {
      const links = unlink.all(now - quietMs, now - staleMs, now - quietMs);
      forgetEmpty.run(now - quietMs);
      return links.map((one) => one.digest);
    });
    const freed = dropped.length === 0 ? 0 : await removeUnneeded(dropped);
    return { links: dropped.length, uploads: expired, freed };
  };
  return { collect: () => turns.run("", collect), release: removeUnneeded };
}
