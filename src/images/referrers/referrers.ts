import { fail } from "../../base/index.ts";
import type { ContentStore, Descriptor, Digest } from "../../content/index.ts";
import { malformed, mediaTypes, sha256 } from "../formats.ts";
import { find } from "../lookup.ts";
import { subjectsOf, type ImageStore } from "../store.ts";
import { documentOf, infoOf, readReferrer, type Document } from "./document.ts";
import { readAll } from "./read-blob.ts";
import type { Referrer, Referrers } from "./referrer.ts";
import { blobsOfReferrer } from "./referrer-table.ts";
import { settle, type SettleDependencies } from "./settle.ts";

export function createReferrers(dependencies: SettleDependencies): Referrers {
  const { store, content, garbage } = dependencies;
  const of: Referrers["of"] = (subject, artifactType) =>
    store
      .referrersOf(subject)
      .map((one) => one.referrer)
      .filter((one) => artifactType === undefined || one.artifactType === artifactType);

  const keep = async ({ manifest, blobs }: Document): Promise<Referrer> => {
    const stored = readReferrer(manifest);
    const { referrer } = stored;
    const given = new Set(blobs.map((bytes) => sha256(bytes)));
    const missing = blobsOfReferrer(stored).find((one) => one !== referrer.digest && !given.has(one));
    if (missing !== undefined)
      throw malformed(`referrer ${referrer.digest} names ${missing}, which is missing`);
    await using hold = garbage.hold();
    hold.own(...blobsOfReferrer(stored));
    for (const bytes of [...blobs, manifest]) await content.put(bytes, infoOf(bytes));
    await garbage.exclusively(async () => {
      if (!isHere(store, referrer.subject)) throw noSubject(referrer.subject);
      store.insertReferrer(stored);
    });
    return referrer;
  };

  return {
    of,
    ofImage: (name, artifactType) =>
      subjectsOf(find(store, name).image).flatMap((subject) => of(subject, artifactType)),
    read: (layer) => readAll(content, layer),
    attach: async (subject, artifact) =>
      await keep(documentOf(descriptorOf(store, content, subject), artifact)),
    adopt: (manifest, blobs) => keep({ manifest: Buffer.from(manifest).toString("utf8"), blobs }),
    async detach(digest) {
      const blobs = store.deleteReferrer(digest);
      if (blobs.length === 0) {
        throw fail("not-found", "image.no-referrer", `no image here has the referrer ${digest}`);
      }
      await garbage.collect({ layers: [], blobs });
    },
    settle: async (name, signal) => await settle(dependencies, name, signal),
  };
}

function isHere(store: ImageStore, subject: Digest): boolean {
  if (store.referrer(subject) !== undefined) return true;
  return store.list().some((image) => subjectsOf(image).includes(subject));
}

/** The type and size are only known of what is stored here; an index that an image came by is not. */
function descriptorOf(store: ImageStore, content: ContentStore, subject: Digest): Descriptor {
  const referrer = store.referrer(subject)?.referrer;
  if (referrer) return referrer;
  const own = store.list().find((image) => image.manifest.digest === subject);
  if (own) return own.manifest;
  if (!isHere(store, subject)) throw noSubject(subject);
  if (content.has(subject)) return { mediaType: mediaTypes.index, ...content.stat(subject) };
  throw fail("not-found", "image.no-subject", `${subject} is an index, which only its registry has`, {
    hint: "sign or attest it in its registry",
  });
}

function noSubject(subject: Digest): Error {
  return fail("not-found", "image.no-subject", `no image here is ${subject}`);
}
