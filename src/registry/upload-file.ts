import { constants, createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { Digest } from "../content/index.ts";

export type Algorithm = "sha256" | "sha512";

/** What has come of an upload so far, and its digest up to there when it is known. */
export interface UploadState {
  offset: number;
  algorithm: Algorithm;
  /** Undefined after a restart, and when bytes were taken back: then the file is read once more. */
  hasher: Bun.CryptoHasher | undefined;
}

/** How a stream ended: `failure` is why it broke off. What came until then is in the file and in the digest. */
export interface Appended {
  readonly count: number;
  readonly failure?: unknown;
}

/** Appends a stream to the file at `path`; throws only what the disk says. Takes up to `limit` bytes and one chunk. */
export async function appendStream(
  path: string,
  upload: UploadState,
  source: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Appended> {
  const hasher = (upload.hasher ??= await hashFile(path, upload));
  await using file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  const sink = new Sink(file, upload.offset);
  const chunks = source[Symbol.asyncIterator]();
  let count = 0;
  let broken: { readonly failure: unknown } | undefined;
  try {
    while (count <= limit) {
      const next = await chunks.next().catch((failure: unknown) => {
        broken = { failure };
      });
      if (!next || next.done) break;
      hasher.update(next.value);
      count += next.value.length;
      const full = sink.take(next.value);
      if (full) await full;
    }
  } finally {
    await sink.end();
    await chunks.return?.();
  }
  upload.offset += count;
  return { count, ...broken };
}

/** Takes back what is after `offset`. */
export async function cutFile(path: string, upload: UploadState, offset: number): Promise<void> {
  await using file = await open(path, "r+");
  await file.truncate(offset);
  upload.offset = offset;
  upload.hasher = undefined;
}

/** The digest of all that has come, in any algorithm. */
export async function digestOf(path: string, upload: UploadState, algorithm: Algorithm): Promise<Digest> {
  if (upload.hasher === undefined || upload.algorithm !== algorithm) {
    upload.hasher = await hashFile(path, { ...upload, algorithm });
    upload.algorithm = algorithm;
  }
  return `${algorithm}:${upload.hasher.copy().digest("hex")}`;
}

async function hashFile(
  path: string,
  { offset, algorithm }: Pick<UploadState, "offset" | "algorithm">,
): Promise<Bun.CryptoHasher> {
  const hasher = new Bun.CryptoHasher(algorithm);
  if (offset === 0) return hasher;
  const stream = createReadStream(path, { end: offset - 1, highWaterMark: 1 << 20 });
  for await (const chunk of stream) hasher.update(chunk as Buffer);
  return hasher;
}

/** So many bytes go to the disk in one go, and so many goes may wait for it before no more is taken. */
const batchSize = 1 << 20;
const mostWaiting = 4;

/**
 * Collects small chunks into large writes, which go to the disk in their order while the next ones come: after a crash
 * the file is shorter, and has no holes. Keeps the chunks, so nobody may change them.
 */
class Sink {
  readonly #file: FileHandle;
  #position: number;
  #batch: Uint8Array[] = [];
  #size = 0;
  readonly #waiting: Uint8Array[][] = [];
  #writing: Promise<void> | undefined;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** A promise when the disk is behind: then nothing more may come until it resolves. */
  take(chunk: Uint8Array): Promise<void> | undefined {
    this.#batch.push(chunk);
    this.#size += chunk.length;
    if (this.#size < batchSize) return undefined;
    this.#turn();
    return this.#waiting.length >= mostWaiting ? this.#writing : undefined;
  }

  async end(): Promise<void> {
    this.#turn();
    while (this.#writing) await this.#writing;
  }

  #turn(): void {
    if (this.#batch.length === 0) return;
    this.#waiting.push(this.#batch);
    this.#batch = [];
    this.#size = 0;
    if (this.#writing) return;
    this.#writing = this.#drain();
    this.#writing.catch(() => undefined); // thrown where the next batch waits, or at the end
  }

  async #drain(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch; batch = this.#waiting.shift()) {
      const size = batch.reduce((sum, chunk) => sum + chunk.length, 0);
      const { bytesWritten } = await this.#file.writev(batch, this.#position);
      this.#position += bytesWritten;
      if (bytesWritten < size) await this.#writeRest(Buffer.concat(batch).subarray(bytesWritten));
    }
    this.#writing = undefined;
  }

  async #writeRest(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#position);
      this.#position += bytesWritten;
      done += bytesWritten;
    }
  }
}
