import { readSync } from "node:fs";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { fail, messageOf } from "../../base/index.ts";
import { malformed } from "../tar/entry.ts";

const chunkSize = 1 << 18;

export type Compression = "none" | "gzip" | "zstd";

/** The pieces of a file from its current position on; a piece is valid until the next one. */
export function* readFileChunks(fd: number): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (;;) {
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

/** The pieces of a file that grows, as far as each of `sizes` (decimal numbers) says; a piece is valid until the next one. */
export function* followFileChunks(fd: number, sizes: Iterable<Uint8Array>): Iterable<Uint8Array> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  let done = 0;
  for (const text of sizes) {
    const size = Number(Buffer.from(text).toString());
    while (done < size) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, size - done), done);
      if (count === 0) throw fail("internal", "layer.blob-shrunk", "a blob that was read became shorter");
      done += count;
      yield buffer.subarray(0, count);
    }
  }
}

/**
 * Passes the archive in `source` to `take`, decompressed as its first bytes say. Throws `invalid` / `layer.malformed`
 * for damaged input and `unimplemented` / `layer.compression` for a compression that is known but not supported.
 * Returns the compression. A zstd stream that is cut off goes unnoticed here: ask the archive for its end marker.
 */
export async function decompress(
  source: Iterable<Uint8Array>,
  take: (chunk: Uint8Array) => void,
): Promise<Compression> {
  const iterator = source[Symbol.iterator]();
  const head = readHead(iterator);
  const compression = compressionOf(head);
  if (compression !== "none") await throughZlib(compression, head, iterator, take);
  else {
    if (head.length > 0) take(head);
    for (let next = iterator.next(); !next.done; next = iterator.next()) take(next.value);
  }
  return compression;
}

/** Enough of the beginning to tell the compression, as its own copy. */
function readHead(iterator: Iterator<Uint8Array>): Buffer {
  let head = Buffer.alloc(0);
  while (head.length < 6) {
    const next = iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

const signatures: readonly [string, Compression | "bzip2" | "xz" | "lz4"][] = [
  ["1f8b", "gzip"], ["28b52ffd", "zstd"], ["425a68", "bzip2"], ["fd377a585a00", "xz"], ["04224d18", "lz4"],
]; // prettier-ignore

function compressionOf(head: Buffer): Compression {
  const hex = head.subarray(0, 6).toString("hex");
  // Skippable frames (RFC 8878, 3.1.2) may come first, as in zstd:chunked.
  if (/^5.2a4d18/.test(hex)) return "zstd";
  const found = signatures.find(([signature]) => hex.startsWith(signature))?.[1] ?? "none";
  if (found === "none" || found === "gzip" || found === "zstd") return found;
  throw fail("unimplemented", "layer.compression", `archives compressed with ${found} are not supported`, {
    hint: "compress it with gzip or zstd, or not at all",
  });
}

/** zlib works on a thread of its own, so decompression and writing of files go on side by side. */
async function throughZlib(
  compression: "gzip" | "zstd",
  head: Buffer,
  rest: Iterator<Uint8Array>,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  const stream = compression === "gzip" ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  let failed: unknown;
  const failWith = (error: unknown) => {
    failed ??= error;
    reject(failed);
    stream.destroy();
  };
  stream.on("data", (chunk: Buffer) => {
    try {
      if (failed === undefined) take(chunk);
    } catch (error) {
      failWith(error);
    }
  });
  stream.once("end", resolve);
  stream.once("error", (error) => failWith(malformed(`it is not valid ${compression}: ${messageOf(error)}`)));
  let goOn: (() => void) | undefined;
  stream.on("drain", () => goOn?.());
  stream.once("close", () => goOn?.());
  const write = (chunk: Uint8Array) =>
    new Promise<void>((done) => {
      goOn = done;
      if (stream.write(chunk) || failed !== undefined) done();
    });
  const writeAll = async () => {
    await write(head);
    for (let next = rest.next(); !next.done; next = rest.next()) {
      // The piece is only valid until the next one is read, and zlib may still be at work on it then.
      await write(Buffer.from(next.value));
      if (failed !== undefined) return;
    }
    stream.end();
  };
  await Promise.all([ended, writeAll()]);
}
