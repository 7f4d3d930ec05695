import type { Image, Images } from "../../../images/index.ts";

/** Images that a solve has made and nobody was given. */
export interface Leftovers {
  /** A solve begins; it ends with the result of this. */
  begin(): () => Promise<void>;
  /** The image is no result; it goes once no solve runs, as another may build upon it, unless somebody has named it. */
  add(image: Image): void;
  /** The image is a result after all. */
  keep(image: Image): void;
}

export function createLeftovers({
  images,
}: {
  readonly images: Pick<Images, "resolve" | "remove">;
}): Leftovers {
  const candidates = new Map<string, Image>();
  const kept = new Set<string>();
  let running = 0;
  return {
    begin() {
      running++;
      return async () => {
        running--;
        if (running > 0) return;
        const going = [...candidates.keys()];
        candidates.clear();
        kept.clear();
        for (const id of going) {
          try {
            if (images.resolve(id).references.length === 0) await images.remove(id, { noPrune: true });
          } catch {
            // It is in use, or gone already.
          }
        }
      };
    },
    add(image) {
      if (!kept.has(image.id)) candidates.set(image.id, image);
    },
    keep(image) {
      kept.add(image.id);
      candidates.delete(image.id);
    },
  };
}
