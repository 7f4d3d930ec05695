import { createReadStream, createWriteStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import type { Descriptor } from "../../../content/index.ts";
import { mediaTypes } from "../../../images/index.ts";
import type { Compression } from "./places.ts";

const mediaTypeOf = {
  zstd: mediaTypes.layerZstd,
  gzip: mediaTypes.layerGzip,
  uncompressed: mediaTypes.layer,
} as const;

/** Writes the plain file `from` compressed to `to`, and says what that is. */
export async function compressFile(
  from: string,
  to: string,
  { compression, level }: { readonly compression: Compression; readonly level: number | undefined },
  signal: AbortSignal,
): Promise<Descriptor> {
  const hasher = new Bun.CryptoHasher("sha256");
  let size = 0;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hasher.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const target = createWriteStream(to, { mode: 0o600 });
  const source = createReadStream(from, { highWaterMark: 1 << 18 });
  if (compression === "uncompressed") await pipeline(source, count, target, { signal });
  else await pipeline(source, compressor(compression, level), count, target, { signal });
  return { mediaType: mediaTypeOf[compression], digest: `sha256:${hasher.digest("hex")}`, size };
}

function compressor(compression: "zstd" | "gzip", level: number | undefined) {
  if (compression === "gzip") {
    return createGzip({ chunkSize: 1 << 18, ...(level === undefined ? {} : { level: Math.min(level, 9) }) });
  }
  const params = level === undefined ? {} : { [constants.ZSTD_c_compressionLevel]: Math.max(1, level) };
  return createZstdCompress({ chunkSize: 1 << 18, params });
}
