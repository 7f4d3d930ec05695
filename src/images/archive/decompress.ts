import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf } from "../../base/index.ts";
import { layerMediaType, malformed, mediaTypes } from "../formats.ts";
import { compressionRefused, peek } from "../import.ts";

/** The plain bytes of a stream that is plain, gzip or zstd, by its first bytes. Throws `invalid` / `image.malformed`. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, stream } = await peek(source);
  const mediaType = layerMediaType(head);
  if (mediaType === undefined) throw compressionRefused("the archive");
  if (mediaType === mediaTypes.layer) {
    yield* stream;
    return;
  }
  const decoder = mediaType === mediaTypes.layerGzip ? createGunzip() : createZstdDecompress();
  const input = Readable.from(stream, { objectMode: false });
  let sourceError: unknown;
  input.once("error", (error) => {
    sourceError = error;
    decoder.destroy(error);
  });
  try {
    yield* input.pipe(decoder) as AsyncIterable<Uint8Array>;
  } catch (error) {
    // Errors of the source (a client that went away, an abort) keep their meaning.
    if (sourceError !== undefined) throw sourceError;
    throw malformed(`the archive's compression is damaged: ${messageOf(error)}`);
  } finally {
    input.destroy();
    decoder.destroy();
  }
}
