import type { Descriptor, Digest } from "../content/index.ts";
import type { DiffId } from "../layers/index.ts";
import type { Migration, State } from "../state/index.ts";
import type { Image, ImageConfig } from "./image.ts";
import { createOriginTable, originMigration, type OriginTable } from "./origins.ts";
import { createReferrerTable, referrerMigration, type ReferrerTable } from "./referrers/referrer-table.ts";
import {
  createRegistryRecords,
  settledMigration,
  registryMigration,
  type RegistryRecords,
} from "./registry-records.ts";

export const imageMigrations: readonly Migration[] = [
  {
    id: "images/001",
    sql: `
      CREATE TABLE images (
        id TEXT PRIMARY KEY, manifest TEXT NOT NULL, config TEXT NOT NULL, layers TEXT NOT NULL,
        size INTEGER NOT NULL, stored_at INTEGER NOT NULL) STRICT;
      CREATE TABLE image_references (
        name TEXT PRIMARY KEY, image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE) STRICT;
      CREATE INDEX image_references_by_image ON image_references (image_id);`,
  },
  registryMigration,
  referrerMigration,
  settledMigration,
  originMigration,
];

interface Row {
  id: Digest;
  manifest: string;
  config: string;
  layers: string;
  size: number;
  stored_at: number;
}

/** The tables of images and of their names. Everything is synchronous. */
export interface ImageStore extends RegistryRecords, ReferrerTable, OriginTable {
  get(id: string): Image | undefined;
  list(): Image[];
  /** Images whose id starts with `prefix` (with or without `sha256:`), two at most. */
  byPrefix(prefix: string): Image[];
  byManifest(digest: Digest): Image | undefined;
  /** The id that a normalised reference names. */
  idOf(reference: string): Digest | undefined;
  /** Keeps what is there when the id is known already. */
  insert(image: Omit<Image, "references" | "digests">): void;
  replaceManifest(image: Pick<Image, "id" | "manifest" | "layers">): void;
  delete(id: Digest): void;
  /** Names `id`; the name leaves the image that had it. */
  tag(reference: string, id: Digest): void;
  /** Takes away a name: a tag, or `REPOSITORY@DIGEST`. */
  untag(reference: string): void;
  /** Forgets the referrers that no image has any more; returns the blobs that they needed. */
  dropOrphanedReferrers(): Digest[];
  /** Every layer and blob that an image needs, those of `without` apart. */
  needed(without?: ReadonlySet<Digest>): {
    readonly layers: ReadonlySet<DiffId>;
    readonly blobs: ReadonlySet<Digest>;
  };
}

export function createImageStore({ db }: State): ImageStore {
  const referencesOf = db.query<{ name: string }, [string]>(
    "SELECT name FROM image_references WHERE image_id = ? ORDER BY name",
  );
  const one = db.query<Row, [string]>("SELECT * FROM images WHERE id = ?");
  const all = db.query<Row, []>("SELECT * FROM images ORDER BY stored_at DESC, id");
  const between = db.query<Row, [string, string]>(
    "SELECT * FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT 2",
  );
  const byReference = db.query<{ image_id: Digest }, [string]>(
    "SELECT image_id FROM image_references WHERE name = ?",
  );
  const registries = createRegistryRecords(db);
  const referrers = createReferrerTable(db);
  const toImage = (row: Row): Image => ({
    id: row.id,
    manifest: JSON.parse(row.manifest) as Descriptor,
    config: JSON.parse(row.config) as ImageConfig,
    layers: JSON.parse(row.layers) as Descriptor[],
    references: referencesOf.all(row.id).map((reference) => reference.name),
    digests: registries.digestsOf(row.id),
    size: row.size,
    storedAt: new Date(row.stored_at),
  });
  const list = () => all.all().map(toImage);

  return {
    ...registries,
    ...referrers,
    ...createOriginTable(db),
    ...createImageRows(db),
    get(id) {
      const row = one.get(id);
      return row ? toImage(row) : undefined;
    },
    list,
    byPrefix(prefix) {
      const start = `sha256:${prefix.replace(/^sha256:/, "")}`;
      return between.all(start, `${start}g`).map(toImage);
    },
    byManifest: (digest) => list().find((image) => image.manifest.digest === digest),
    idOf: (reference) => byReference.get(reference)?.image_id,
    tag(reference, id) {
      db.query("INSERT OR REPLACE INTO image_references VALUES (?, ?)").run(reference, id);
    },
    untag(reference) {
      if (reference.includes("@")) registries.removeDigest(reference);
      else db.query("DELETE FROM image_references WHERE name = ?").run(reference);
    },
    dropOrphanedReferrers: () => referrers.keepReferrersOf(() => list().flatMap(subjectsOf)),
    needed(without) {
      const images = list().filter((image) => !without?.has(image.id));
      return neededBy(images, [registries.begun(), referrersIn(images, referrers)]);
    },
  };
}

type Needed = { readonly layers: readonly DiffId[]; readonly blobs: readonly Digest[] };

function neededBy(images: readonly Image[], more: readonly Needed[]): ReturnType<ImageStore["needed"]> {
  const layers = images.flatMap((image) => image.config.rootfs.diff_ids);
  const blobs = images.flatMap((image) => blobsOf(image));
  return {
    layers: new Set([...layers, ...more.flatMap((one) => one.layers)]),
    blobs: new Set([...blobs, ...more.flatMap((one) => one.blobs)]),
  };
}

function referrersIn(images: readonly Image[], table: ReferrerTable): Needed {
  return { layers: [], blobs: [...table.blobsOfReferrers(images.flatMap(subjectsOf))] };
}

function createImageRows(db: State["db"]): Pick<ImageStore, "insert" | "replaceManifest" | "delete"> {
  return {
    insert({ id, manifest, config, layers, size, storedAt }) {
      const documents = [manifest, config, layers].map((one) => JSON.stringify(one));
      db.query("INSERT OR IGNORE INTO images VALUES (?, ?, ?, ?, ?, ?)").run(
        ...[id, ...documents, size, storedAt.getTime()],
      );
    },
    replaceManifest({ id, manifest, layers }) {
      const documents = [manifest, layers].map((one) => JSON.stringify(one));
      db.query("UPDATE images SET manifest = ?, layers = ? WHERE id = ?").run(...[...documents, id]);
    },
    delete: (id) => void db.query("DELETE FROM images WHERE id = ?").run(id),
  };
}

/** The digests that stand for an image: its manifest's, and those of what it came from registries by. */
export function subjectsOf(image: Pick<Image, "manifest" | "digests">): Digest[] {
  const theirs = image.digests.map((text) => text.slice(text.indexOf("@") + 1) as Digest);
  return [...new Set([image.manifest.digest, ...theirs])];
}

/** The digests of all blobs of an image: configuration, manifest, layers. */
export function blobsOf(image: Pick<Image, "id" | "manifest" | "layers">): Digest[] {
  return [image.id, image.manifest.digest, ...image.layers.map((layer) => layer.digest)];
}
