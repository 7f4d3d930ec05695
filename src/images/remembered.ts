import type { State } from "../state/index.ts";
import type { Image } from "./image.ts";
import type { ImageStore } from "./store.ts";

/** Images with long histories take some 20 kB each. */
const mostKept = 64;

/**
 * `store`, with images that were asked for kept until one of them changes: to read one takes three queries and three
 * documents to parse, which is most of what a list of containers costs.
 */
export function remembered(store: ImageStore, { db }: State): ImageStore {
  const kept = new Map<string, Image>();
  const changing =
    <A extends unknown[]>(change: (...values: A) => void) =>
    (...values: A) => {
      kept.clear();
      change(...values);
    };
  return {
    ...store,
    get(id) {
      const known = kept.get(id);
      if (known !== undefined) return known;
      const image = store.get(id);
      // What is read in a transaction may be undone with it.
      if (image === undefined || db.inTransaction) return image;
      if (kept.size === mostKept) kept.clear();
      kept.set(id, image);
      return image;
    },
    insert: changing((image) => store.insert(image)),
    replaceManifest: changing((image) => store.replaceManifest(image)),
    delete: changing((id) => store.delete(id)),
    tag: changing((reference, id) => store.tag(reference, id)),
    untag: changing((reference) => store.untag(reference)),
    addDigest: changing((reference, id) => store.addDigest(reference, id)),
    removeDigest: changing((reference) => store.removeDigest(reference)),
  };
}
