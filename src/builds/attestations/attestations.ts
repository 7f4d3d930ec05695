import { fail, isVirgaError, type Clock, type Logger } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import type { Registries } from "../../distribution/index.ts";
import { familiar, type Image, type Images, type Referrer } from "../../images/index.ts";
import type { Inventories } from "../../inventory/index.ts";
import type { Migration, State } from "../../state/index.ts";
import { cyclonedxOf } from "./cyclonedx.ts";
import { inTotoType, provenanceOf, provenanceType, type BuildRecord } from "./provenance.ts";
import { imagePurl } from "./purl.ts";
import { adoptDocuments, type Asking } from "./remote-documents.ts";
import { spdxOf, spdxType } from "./spdx.ts";

export const attestationMigrations: readonly Migration[] = [
  {
    id: "builds/attestations-001",
    sql: "CREATE TABLE pending_attestations (image_id TEXT PRIMARY KEY, wanted TEXT NOT NULL) STRICT",
  },
];

/** What is to be said of an image that was built. */
export interface WantedAttestations {
  readonly sbom: boolean;
  readonly provenance: BuildRecord | undefined;
}

/**
 * Documents about images, kept as their referrers: the packages in them (SPDX), and how they were built (SLSA provenance).
 * A build only notes what it has to say. The documents are made when no build runs, or when somebody wants them: a
 * push, a command. What a killed daemon had noted is made by the next one.
 */
export interface Attestations {
  /** Notes what a build says of its image. */
  add(image: Digest, wanted: WantedAttestations): void;
  /** Makes what is noted, one image after the other, while `mayWork` holds. */
  work(mayWork: () => boolean): void;
  /** Resolves once what was noted of an image is stored. */
  ready(image: Digest): Promise<void>;
  /** The list of an image's packages; of an image that came without one it is made now. */
  sbom(name: string, format: SbomFormat): Promise<object>;
  /**
   * The in-toto statement; of an image that was pulled, the one that its registry has. Throws `not-found` /
   * `image.no-provenance` when there is none.
   */
  provenance(name: string, asking?: Asking): Promise<object>;
  /** Stops work; what is not made stays noted. */
  close(): Promise<void>;
}

export const sbomFormats = ["spdx", "cyclonedx"] as const;
export type SbomFormat = (typeof sbomFormats)[number];

export interface AttestationsDependencies {
  readonly state: State;
  readonly images: Pick<Images, "resolve" | "referrers">;
  readonly inventories: Inventories;
  readonly registries: Pick<Registries, "open">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createAttestations(dependencies: AttestationsDependencies): Attestations {
  const { images, inventories, logger } = dependencies;
  const pending = createPending(dependencies.state);
  const closing = new AbortController();
  const { ready, underWay } = createMaker(dependencies, pending, closing.signal);
  let working: Promise<void> | undefined;

  const workOff = async (mayWork: () => boolean) => {
    try {
      for (let id = pending.first(); id && mayWork() && !closing.signal.aborted; id = pending.first()) {
        await ready(id);
      }
    } catch (error) {
      if (!closing.signal.aborted) logger.warn("images can't be described", { error });
    } finally {
      working = undefined;
    }
  };
  return {
    add: (image, wanted) => pending.add(image, JSON.stringify(wanted)),
    work(mayWork) {
      working ??= Promise.resolve().then(() => workOff(mayWork));
    },
    ready,
    async sbom(name, format) {
      const image = images.resolve(name);
      await ready(image.id);
      const stored = format === "spdx" ? images.referrers.ofImage(name, spdxType)[0] : undefined;
      if (stored) return await readDocument(images, stored);
      const inventory = await inventories.ofLayers(image.config.rootfs.diff_ids);
      return format === "spdx" ? spdxOf(image, inventory) : cyclonedxOf(image, inventory);
    },
    async provenance(name, asking = {}) {
      const image = images.resolve(name);
      await ready(image.id);
      if (!provenanceReferrer(images, name))
        await adoptDocuments(images, dependencies.registries, image, inTotoType, asking);
      const stored = provenanceReferrer(images, name);
      if (stored) return await readDocument(images, stored);
      throw noProvenance(name);
    },
    async close() {
      closing.abort();
      await Promise.allSettled([working, ...underWay.values()]);
    },
  };
}

/** Makes what is noted of one image, once for all who wait for it. */
function createMaker(
  dependencies: AttestationsDependencies,
  pending: ReturnType<typeof createPending>,
  signal: AbortSignal,
) {
  const underWay = new Map<Digest, Promise<void>>();
  const make = async (id: Digest): Promise<void> => {
    const wanted = pending.of(id);
    if (wanted === undefined) return;
    try {
      await attest(dependencies, id, JSON.parse(wanted) as WantedAttestations, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // The image went meanwhile, and nobody misses its documents.
      if (!isVirgaError(error, "not-found")) {
        dependencies.logger.warn("an image can't be described", { image: id, error });
      }
    }
    pending.remove(id, wanted);
  };
  const ready = async (id: Digest): Promise<void> => {
    const known = underWay.get(id);
    if (known) return await known;
    const work = make(id);
    underWay.set(id, work);
    try {
      await work;
    } finally {
      underWay.delete(id);
    }
  };
  return { ready, underWay };
}

/** What builds have noted and is not made yet. */
function createPending({ db }: State) {
  const add = db.query("INSERT OR REPLACE INTO pending_attestations VALUES (?, ?)");
  const of = db.query<{ wanted: string }, [string]>(
    "SELECT wanted FROM pending_attestations WHERE image_id = ?",
  );
  const first = db.query<{ image_id: Digest }, []>(
    "SELECT image_id FROM pending_attestations ORDER BY rowid LIMIT 1",
  );
  const remove = db.query("DELETE FROM pending_attestations WHERE image_id = ? AND wanted = ?");
  return {
    add: (id: Digest, wanted: string) => void add.run(id, wanted),
    of: (id: Digest) => of.get(id)?.wanted,
    first: () => first.get()?.image_id,
    /** Not what was noted again meanwhile. */
    remove: (id: Digest, wanted: string) => void remove.run(id, wanted),
  };
}

function noProvenance(name: string): Error {
  return fail("not-found", "image.no-provenance", `nobody says how ${name} was built`, {
    hint: "images have a provenance that Virga or BuildKit built with one",
  });
}

async function attest(
  { images, inventories }: AttestationsDependencies,
  id: Digest,
  wanted: WantedAttestations,
  signal: AbortSignal,
): Promise<void> {
  const image = images.resolve(id);
  const { referrers } = images;
  if (wanted.sbom && referrers.ofImage(id, spdxType).length === 0) {
    const inventory = await inventories.ofLayers(image.config.rootfs.diff_ids, signal);
    await referrers.attach(images.resolve(id).manifest.digest, {
      artifactType: spdxType,
      layers: [{ mediaType: spdxType, bytes: JSON.stringify(spdxOf(image, inventory)) }],
    });
  }
  if (wanted.provenance) await attestProvenance(images, image, wanted.provenance);
}

/** A build that did the same again has nothing new to say; another way to the same image takes the place of the former. */
async function attestProvenance(
  images: AttestationsDependencies["images"],
  { id, references }: Image,
  record: BuildRecord,
): Promise<void> {
  const { digest } = images.resolve(id).manifest;
  const [first] = references;
  const name = first === undefined ? id : imagePurl(familiar(first), record.platform ?? "");
  const statement = provenanceOf({ name, digest }, record);
  const old = provenanceReferrer(images, id);
  if (old && sameBuild(await readDocument(images, old), statement)) return;
  await images.referrers.attach(digest, {
    artifactType: inTotoType,
    annotations: { "in-toto.io/predicate-type": provenanceType },
    layers: [
      {
        mediaType: inTotoType,
        bytes: JSON.stringify(statement),
        annotations: { "in-toto.io/predicate-type": provenanceType },
      },
    ],
  });
  if (old) await images.referrers.detach(old.digest);
}

function provenanceReferrer(images: AttestationsDependencies["images"], name: string): Referrer | undefined {
  return images.referrers
    .ofImage(name, inTotoType)
    .find((one) => [one, ...one.layers].some(({ annotations }) => isProvenance(annotations)));
}

function isProvenance(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return annotations?.["in-toto.io/predicate-type"] === provenanceType;
}

async function readDocument(
  { referrers }: Pick<Images, "referrers">,
  { layers, digest }: Referrer,
): Promise<object> {
  const [layer] = layers;
  if (!layer) throw fail("data-loss", "image.malformed", `the referrer ${digest} is empty`);
  return JSON.parse(Buffer.from(await referrers.read(layer)).toString("utf8")) as object;
}

/** Whether two statements differ in their times only. */
function sameBuild(one: object, other: object): boolean {
  const plain = (statement: object) => {
    const { predicate } = statement as { readonly predicate?: { readonly buildDefinition?: unknown } };
    return JSON.stringify(predicate?.buildDefinition ?? null);
  };
  return plain(one) === plain(other);
}
