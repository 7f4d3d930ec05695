import { constants } from "node:fs";
import { open, rm, type FileHandle } from "node:fs/promises";
import { errnoOf, fail } from "../base/index.ts";
import type { BlobInfo, BlobWriter, Digest, PartialBlob } from "./content.ts";

const bufferSize = 1 << 20;

/** A full disk as `exhausted` / `content.disk-full`; anything else as it is. */
export function diskFull(error: unknown): unknown {
  const code = errnoOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return fail("exhausted", "content.disk-full", "the disk is full, so the content was not stored", {
    hint: "free space, for example with: virga prune",
    cause: error,
  });
}

/** Puts the finished temporary file in its place; returns at once when the blob is there already. */
export type Publish = (temporary: string, info: BlobInfo) => Promise<void>;

/** Opens a temporary file at `path`, which must not exist; `publish` moves it at the end. */
export async function openBlobWriter(
  path: string,
  algorithm: "sha256" | "sha512",
  publish: Publish,
): Promise<BlobWriter> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const file = await open(path, flags, 0o600).catch((error: unknown) => {
    throw diskFull(error);
  });
  return new FileBlobWriter(file, path, algorithm, publish);
}

/** Opens the file of a partial blob at `path`, made when missing; what is in it is read and hashed first. */
export async function openPartialBlob(
  { path, target }: { readonly path: string; readonly target: string },
  algorithm: "sha256" | "sha512",
  publish: Publish,
): Promise<PartialBlob> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600).catch((error: unknown) => {
    throw diskFull(error);
  });
  const writer = new FileBlobWriter(file, path, algorithm, publish, target);
  try {
    await writer.readBack();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return writer;
}

/** Collects small chunks, so that the disk sees large writes. Hashes as it goes. */
class FileBlobWriter implements BlobWriter, PartialBlob {
  #size = 0;
  #buffer: Buffer | undefined;
  #filled = 0;
  #file: FileHandle | undefined;
  readonly path: string;
  readonly target: string;
  readonly #algorithm: "sha256" | "sha512";
  #hasher: Bun.CryptoHasher;
  readonly #publish: Publish;

  constructor(
    file: FileHandle,
    path: string,
    algorithm: "sha256" | "sha512",
    publish: Publish,
    target = path,
  ) {
    this.#file = file;
    this.target = target;
    this.path = path;
    this.#algorithm = algorithm;
    this.#hasher = new Bun.CryptoHasher(algorithm);
    this.#publish = publish;
  }

  get size(): number {
    return this.#size;
  }

  /** What is in the file, without what is still collected. */
  get written(): number {
    return this.#size - this.#filled;
  }

  async readBack(): Promise<void> {
    const file = this.#opened();
    const buffer = Buffer.allocUnsafe(bufferSize);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#size);
      if (bytesRead === 0) return;
      this.#hasher.update(buffer.subarray(0, bytesRead));
      this.#size += bytesRead;
    }
  }

  async flush(): Promise<void> {
    await this.#flush(this.#opened(), this.#size);
  }

  async truncate(): Promise<void> {
    await this.#opened().truncate(0);
    this.#size = 0;
    this.#filled = 0;
    this.#hasher = new Bun.CryptoHasher(this.#algorithm);
  }

  async keep(): Promise<void> {
    if (!this.#file) return;
    if (this.#size === 0) return await this.abort();
    await this.#flush(this.#file, this.#size);
    await this.#file?.close();
    this.#file = undefined;
    this.#buffer = undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const file = this.#opened();
    this.#hasher.update(chunk);
    this.#size += chunk.length;
    const large = chunk.length >= bufferSize / 4;
    if (large || this.#filled + chunk.length > bufferSize) await this.#flush(file, this.#size - chunk.length);
    if (large) return await this.#writeOut(file, chunk, this.#size - chunk.length);
    this.#buffer ??= Buffer.allocUnsafe(bufferSize);
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  async commit(expected: { readonly digest?: Digest; readonly size?: number } = {}): Promise<BlobInfo> {
    const file = this.#opened();
    try {
      const digest: Digest = `${this.#algorithm}:${this.#hasher.digest("hex")}`;
      const info = { digest, size: this.#size };
      refuseOther(info, expected);
      await this.#flush(file, this.#size);
      await file.sync();
      await file.close();
      this.#file = undefined;
      await this.#publish(this.path, info);
      return info;
    } catch (error) {
      await this.#discard();
      throw diskFull(error);
    }
  }

  async abort(): Promise<void> {
    if (this.#file) await this.#discard();
  }

  #opened(): FileHandle {
    if (this.#file) return this.#file;
    throw fail("internal", "content.writer-closed", "the blob was already committed or dropped");
  }

  /** Writes out what is collected, which ends at `end`. */
  async #flush(file: FileHandle, end: number): Promise<void> {
    const filled = this.#filled;
    if (filled > 0) await this.#writeOut(file, this.#buffer!.subarray(0, filled), end - filled);
    this.#filled = 0;
  }

  async #writeOut(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      }
    } catch (error) {
      await this.#discard();
      throw diskFull(error);
    }
  }

  async #discard(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#buffer = undefined;
    await file?.close().catch(() => undefined);
    await rm(this.path, { force: true });
  }
}

function refuseOther(info: BlobInfo, expected: { readonly digest?: Digest; readonly size?: number }): void {
  const wrongSize = expected.size !== undefined && expected.size !== info.size;
  const wrongDigest = expected.digest !== undefined && expected.digest !== info.digest;
  if (!wrongSize && !wrongDigest) return;
  const got = wrongSize ? `${info.size} bytes instead of ${expected.size}` : info.digest;
  throw fail(
    "data-loss",
    "content.digest-mismatch",
    `the content is not what ${expected.digest ?? "was expected"} names: got ${got}`,
    { hint: "transfer it again; when it happens again, its source is damaged" },
  );
}

/** Flushes and moves a file that another process has written. */
export async function publishWritten(path: string, info: BlobInfo, publish: Publish): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await publish(path, info);
}
