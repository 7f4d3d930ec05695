import { constants, createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { Digest } from "../content/index.ts";

export type Algorithm = "sha256" | "sha512";

const bufferSize = 1 << 20;

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
  let count = 0;
  let broken: { readonly failure: unknown } | undefined;
  try {
    for await (const chunk of breakable(source, (failure) => (broken = { failure }))) {
      hasher.update(chunk);
      count += chunk.length;
      await sink.write(chunk);
      if (count > limit) break;
    }
  } finally {
    await sink.end();
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
  const stream = createReadStream(path, { end: offset - 1, highWaterMark: bufferSize });
  for await (const chunk of stream) hasher.update(chunk as Buffer);
  return hasher;
}

/** The chunks of `source` until it ends or breaks off, which is told and not thrown. */
async function* breakable(
  source: AsyncIterable<Uint8Array>,
  tell: (failure: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        tell(error);
        return { done: true } as const;
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

/** Collects small chunks into large writes; one is on its way to the disk while the next one fills. */
class Sink {
  readonly #file: FileHandle;
  #position: number;
  #buffer: Buffer = Buffer.allocUnsafe(bufferSize);
  #spare: Buffer | undefined;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + bufferSize - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === bufferSize) await this.#turn();
    }
  }

  async end(): Promise<void> {
    await this.#turn();
    await this.#writing;
  }

  async #turn(): Promise<void> {
    await this.#writing;
    if (this.#filled === 0) return;
    const full = this.#buffer;
    this.#writing = this.#writeOut(full.subarray(0, this.#filled), this.#position);
    this.#writing.catch(() => undefined); // thrown by the next turn, or the end
    this.#position += this.#filled;
    this.#filled = 0;
    this.#buffer = this.#spare ?? Buffer.allocUnsafe(bufferSize);
    this.#spare = full;
  }

  async #writeOut(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }
}
