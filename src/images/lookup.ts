import { fail, type VirgaError } from "../base/index.ts";
import type { Digest } from "../content/index.ts";
import type { Image } from "./image.ts";
import {
  familiar,
  formatReference,
  isDigest,
  parseReference,
  repositoryOf,
  withDefaultTag,
  type Reference,
} from "./reference.ts";
import type { ImageStore } from "./store.ts";

/** How a name led to an image: by a reference (with a digest: all that the repository has for it), or by its id. */
export type Found =
  | { readonly by: "reference"; readonly references: readonly string[]; readonly image: Image }
  | { readonly by: "id"; readonly image: Image };

/**
 * Looks `name` up as Docker does: a full id, then a reference, then the beginning of an id. Throws `not-found` /
 * `image.not-found` (also when a beginning fits several images) and `invalid` / `image.reference-invalid`.
 */
export function find(store: ImageStore, name: string): Found {
  const full = fullId(name);
  if (full !== undefined) {
    const image = store.get(full) ?? store.byManifest(full);
    if (!image) throw noSuchImage(name);
    return { by: "id", image };
  }
  const prefix = /^(sha256:)?[a-f0-9]{1,63}$/.test(name);
  const reference = tryParse(name, prefix);
  const named = reference && findReference(store, reference);
  if (named) return named;
  const [first, second] = prefix ? store.byPrefix(name) : [];
  if (!first || second) throw noSuchImage(name, reference);
  return { by: "id", image: first };
}

/** Docker's text: `No such image: debian:latest`. */
export function noSuchImage(name: string, reference?: Reference): VirgaError {
  const shown = reference ? familiar(formatReference(withDefaultTag(reference))) : name;
  return fail("not-found", "image.not-found", `No such image: ${shown}`);
}

function findReference(store: ImageStore, reference: Reference): Found | undefined {
  if (reference.digest === undefined) {
    const text = formatReference(withDefaultTag(reference));
    const id = store.idOf(text);
    return id === undefined ? undefined : { by: "reference", references: [text], image: store.get(id)! };
  }
  // With a digest the tag says nothing (Docker ignores it): the repository and the manifest decide.
  const repository = repositoryOf(reference);
  const [pulled] = store.idsOfDigest(`${repository}@${reference.digest}`);
  if (pulled !== undefined) return byDigest(store.get(pulled)!, repository, reference.digest);
  const image = store.byManifest(reference.digest) ?? store.get(reference.digest);
  const references = image?.references.filter((text) => repositoryOf(parseReference(text)) === repository);
  return image && references && references.length > 0 ? { by: "reference", references, image } : undefined;
}

/** Where the repository has tags of the image, these are the names; else the digest is. */
function byDigest(image: Image, repository: string, digest: Digest): Found {
  const tags = image.references.filter((text) => repositoryOf(parseReference(text)) === repository);
  return { by: "reference", references: tags.length > 0 ? tags : [`${repository}@${digest}`], image };
}

function fullId(name: string): Digest | undefined {
  if (isDigest(name)) return name;
  return /^[a-f0-9]{64}$/.test(name) ? `sha256:${name}` : undefined;
}

/** `sha256:abc` is the beginning of an id, and happens to be a reference too; so may any short hexadecimal word. */
function tryParse(name: string, lenient: boolean): Reference | undefined {
  try {
    return parseReference(name);
  } catch (error) {
    if (lenient) return undefined;
    throw error;
  }
}
