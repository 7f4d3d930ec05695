import type { Descriptor, Digest } from "../content/index.ts";
import type { DiffId } from "../layers/index.ts";
import type { Migration, State } from "../state/index.ts";

export const registryMigration: Migration = {
  id: "images/002-registries",
  sql: `
    CREATE TABLE image_digests (
      repository TEXT NOT NULL, digest TEXT NOT NULL,
      image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
      PRIMARY KEY (repository, digest, image_id)) STRICT;
    CREATE INDEX image_digests_by_image ON image_digests (image_id);
    CREATE TABLE image_pulls (
      reference TEXT PRIMARY KEY, blobs TEXT NOT NULL, layers TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
    CREATE TABLE compressed_layers (digest TEXT PRIMARY KEY, descriptor TEXT NOT NULL) STRICT;`,
};

export const settledMigration: Migration = {
  id: "images/003-settled",
  sql: `
    CREATE TABLE settled_manifests (
      image_id TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE, digest TEXT NOT NULL) STRICT;
    INSERT INTO settled_manifests SELECT id, json_extract(manifest, '$.digest') FROM images
      WHERE EXISTS (SELECT 1 FROM image_digests
                    WHERE image_id = id AND digest = json_extract(manifest, '$.digest'));`,
};

/** What a pull that is under way, or was interrupted, has stored or will. */
export interface Pull {
  readonly blobs: readonly Digest[];
  readonly layers: readonly DiffId[];
  readonly at: Date;
}

/** Milliseconds for which what an interrupted pull has stored is kept. */
export const pullLife = 24 * 3_600_000;

/** What is remembered of images' ways from and to registries. */
export interface RegistryRecords {
  /** `REPOSITORY@DIGEST` of an image, the latest first. */
  digestsOf(id: Digest): string[];
  /** The ids that `REPOSITORY@DIGEST` names: of one index come images for several platforms. The latest first. */
  idsOfDigest(reference: string): Digest[];
  /** `REPOSITORY@DIGEST` stands for `id` in a registry. */
  addDigest(reference: string, id: Digest): void;
  removeDigest(reference: string): void;
  /** The image's manifest is the one that a registry gave, or that was signed. */
  rememberSettled(id: Digest, manifest: Digest): void;
  /** Whether this manifest of the image goes out as it is. */
  isSettled(id: Digest, manifest: Digest): boolean;
  /** What a plain layer was when it was compressed for a registry. */
  compressed(digest: Digest): Descriptor | undefined;
  rememberCompressed(digest: Digest, compressed: Descriptor): void;
  beginPull(reference: string, pull: Pull): void;
  endPull(reference: string): void;
  /** Forgets the pulls that began before `time`. */
  forgetPulls(time: Date): void;
  /** What all pulls that have begun need. */
  begun(): Pick<Pull, "blobs" | "layers">;
}

export function createRegistryRecords(db: State["db"]): RegistryRecords {
  const digestsOf = db.query<{ name: string }, [string]>(
    "SELECT repository || '@' || digest AS name FROM image_digests WHERE image_id = ? ORDER BY rowid DESC",
  );
  const byDigest = db.query<{ image_id: Digest }, [string, string]>(
    "SELECT image_id FROM image_digests WHERE repository = ? AND digest = ? ORDER BY rowid DESC",
  );
  const pulls = db.query<{ blobs: string; layers: string }, []>("SELECT blobs, layers FROM image_pulls");
  const compressed = db.query<{ descriptor: string }, [string]>(
    "SELECT descriptor FROM compressed_layers WHERE digest = ?",
  );
  const settled = db.query<{ digest: string }, [string]>(
    "SELECT digest FROM settled_manifests WHERE image_id = ?",
  );
  return {
    digestsOf: (id) => digestsOf.all(id).map((row) => row.name),
    idsOfDigest: (reference) => byDigest.all(...partsOf(reference)).map((row) => row.image_id),
    addDigest(reference, id) {
      db.query("INSERT OR REPLACE INTO image_digests VALUES (?, ?, ?)").run(...partsOf(reference), id);
    },
    removeDigest(reference) {
      db.query("DELETE FROM image_digests WHERE repository = ? AND digest = ?").run(...partsOf(reference));
    },
    rememberSettled(id, manifest) {
      db.query("INSERT OR REPLACE INTO settled_manifests VALUES (?, ?)").run(id, manifest);
    },
    isSettled: (id, manifest) => settled.get(id)?.digest === manifest,
    compressed(digest) {
      const row = compressed.get(digest);
      return row ? (JSON.parse(row.descriptor) as Descriptor) : undefined;
    },
    rememberCompressed(digest, descriptor) {
      const json = JSON.stringify(descriptor);
      db.query("INSERT OR REPLACE INTO compressed_layers VALUES (?, ?)").run(digest, json);
    },
    beginPull(reference, { blobs, layers, at }) {
      const lists = [JSON.stringify(blobs), JSON.stringify(layers)] as const;
      db.query("INSERT OR REPLACE INTO image_pulls VALUES (?, ?, ?, ?)").run(
        reference,
        ...lists,
        at.getTime(),
      );
    },
    endPull: (reference) => void db.query("DELETE FROM image_pulls WHERE reference = ?").run(reference),
    forgetPulls: (time) => void db.query("DELETE FROM image_pulls WHERE at < ?").run(time.getTime()),
    begun() {
      const rows = pulls.all();
      return {
        blobs: rows.flatMap((row) => JSON.parse(row.blobs) as Digest[]),
        layers: rows.flatMap((row) => JSON.parse(row.layers) as DiffId[]),
      };
    },
  };
}

/** Repository and digest of `REPOSITORY@DIGEST`. */
function partsOf(reference: string): [string, string] {
  const at = reference.indexOf("@");
  return [reference.slice(0, at), reference.slice(at + 1)];
}
