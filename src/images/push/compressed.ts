import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import type { ContentStore, Descriptor } from "../../content/index.ts";
import { mediaTypes } from "../formats.ts";
import type { Hold } from "../garbage.ts";
import type { ImageStore } from "../store.ts";

/**
 * Layers made here are stored plain; registries get them compressed. The same layer gives the same bytes each time, so it
 * is enough to remember what they were: a later push sees at the registry that they are there, and compresses nothing.
 */
export interface Compressed {
  /** What the layer was at the last push; `layer` itself when it is compressed already. */
  known(layer: Descriptor): Descriptor | undefined;
  /** Makes it, in the content store until `hold` ends. */
  make(layer: Descriptor, hold: Hold, signal: AbortSignal): Promise<Descriptor>;
}

const plainTypes: readonly string[] = [mediaTypes.layer, "application/vnd.docker.image.rootfs.diff.tar"];

export function isPlain(layer: Descriptor): boolean {
  return plainTypes.includes(layer.mediaType);
}

/** For a registry that takes them plain. */
export const uncompressed: Compressed = { known: (layer) => layer, make: (layer) => Promise.resolve(layer) };

export function createCompressed(store: ImageStore, content: ContentStore): Compressed {
  return {
    known: (layer) => (isPlain(layer) ? store.compressed(layer.digest) : layer),
    async make(layer, hold, signal) {
      if (!isPlain(layer)) return layer;
      const gzip = createGzip({ chunkSize: 1 << 18 });
      const input = Readable.from(content.open(layer.digest), { objectMode: false });
      input.once("error", (error) => gzip.destroy(error));
      const chunks = input.pipe(gzip) as AsyncIterable<Uint8Array>;
      try {
        const blob = await content.put(chunks, {}, signal);
        hold.own(blob.digest);
        const made: Descriptor = { mediaType: mediaTypes.layerGzip, ...blob };
        store.rememberCompressed(layer.digest, made);
        return made;
      } finally {
        input.destroy();
        gzip.destroy();
      }
    },
  };
}
