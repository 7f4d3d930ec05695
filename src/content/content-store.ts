import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, fail, messageOf } from "../base/index.ts";
import { syncDirectory } from "../host/index.ts";
import { diskFull, openBlobWriter, openPartialBlob, publishWritten } from "./blob-writer.ts";
import type { BlobInfo, BlobWriter, ContentStore, Digest, PartialBlob, Purpose } from "./content.ts";

const algorithms = ["sha256", "sha512"] as const;
const hexLength = { sha256: 64, sha512: 128 } as const;
const maxJsonBytes = 32 << 20;

export interface ContentStoreDependencies {
  /** `ROOT/content`; made when missing. */
  readonly directory: string;
}

/**
 * Opens the store and sweeps what a crash left.
 *
 * ```text
 * DIRECTORY/
 *   blobs/sha256/HEX          one file a blob, never changed
 *   blobs/sha512/HEX
 *   ingest/NAME               blobs on their way in
 *   partial/sha256-HEX        parts of blobs that are downloaded; they outlive the daemon
 *   partial/cache/sha256-HEX  those of the registry's caches
 *   damaged/sha256-HEX        blobs that were not what their digest says
 *   scrub.json                how far the search for such is
 * ```
 */
export async function createContentStore({ directory }: ContentStoreDependencies): Promise<ContentStore> {
  const ingest = join(directory, "ingest");
  mkdirSync(ingest, { recursive: true, mode: 0o700 });
  mkdirSync(join(directory, "partial", "cache"), { recursive: true, mode: 0o700 });
  mkdirSync(join(directory, "damaged"), { recursive: true, mode: 0o700 });
  for (const name of await readdir(ingest)) await rm(join(ingest, name), { recursive: true, force: true });
  for (const one of algorithms) await mkdir(join(directory, "blobs", one), { recursive: true, mode: 0o700 });
  return new DirectoryContentStore(directory);
}

class DirectoryContentStore implements ContentStore {
  readonly #directory: string;
  readonly #open = new Set<string>();
  #next = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  writer(algorithm: "sha256" | "sha512" = "sha256"): Promise<BlobWriter> {
    return openBlobWriter(this.#temporary(), algorithm, this.#publish);
  }

  async put(
    source: Uint8Array | string | AsyncIterable<Uint8Array>,
    expected: { readonly digest?: Digest; readonly size?: number } = {},
    signal?: AbortSignal,
  ): Promise<BlobInfo> {
    signal?.throwIfAborted();
    const known = this.#known(source);
    if (known && (expected.digest ?? known.digest) === known.digest) return known;
    const writer = await this.writer(expected.digest ? parseDigest(expected.digest).algorithm : "sha256");
    try {
      if (typeof source === "string") await writer.write(Buffer.from(source));
      else if (source instanceof Uint8Array) await writer.write(source);
      else await writeStream(writer, source, expected.size, signal);
      return await writer.commit(expected);
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** What is in memory and stored already: then nothing has to be written and flushed to disk. */
  #known(source: Uint8Array | string | AsyncIterable<Uint8Array>): BlobInfo | undefined {
    if (typeof source !== "string" && !(source instanceof Uint8Array)) return undefined;
    const digest: Digest = `sha256:${new Bun.CryptoHasher("sha256").update(source).digest("hex")}`;
    return this.has(digest) ? this.stat(digest) : undefined;
  }

  async adopt(write: (path: string) => Promise<BlobInfo>): Promise<BlobInfo> {
    const path = this.#temporary();
    try {
      const info = await write(path);
      await publishWritten(path, info, this.#publish);
      return info;
    } catch (error) {
      await rm(path, { force: true });
      throw diskFull(error);
    }
  }

  has(digest: Digest): boolean {
    return existsSync(this.#blob(digest));
  }

  stat(digest: Digest): BlobInfo {
    const found = statSync(this.#blob(digest), { throwIfNoEntry: false });
    if (!found) throw notFound(digest);
    return { digest, size: found.size };
  }

  path(digest: Digest): string {
    const path = this.#blob(digest);
    if (!existsSync(path)) throw notFound(digest);
    return path;
  }

  open(digest: Digest, range: { readonly start?: number; readonly end?: number } = {}) {
    const { size } = this.stat(digest);
    const start = Math.min(range.start ?? 0, size);
    return Bun.file(this.#blob(digest))
      .slice(start, Math.max(start, range.end ?? size))
      .stream();
  }

  async readJson(digest: Digest): Promise<unknown> {
    if (this.stat(digest).size > maxJsonBytes) {
      throw fail("invalid", "content.too-large", `${digest} is too large for a JSON document`);
    }
    const bytes = await readFile(this.#blob(digest));
    const { algorithm, hex } = parseDigest(digest);
    if (new Bun.CryptoHasher(algorithm).update(bytes).digest("hex") !== hex) {
      throw fail("data-loss", "content.digest-mismatch", `the stored content of ${digest} is damaged`, {
        hint: "remove what uses it and pull or build it again",
      });
    }
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
    } catch (error) {
      throw fail("invalid", "content.not-json", `${digest} is not JSON: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Renamed first, which takes no time: between a check that nobody needs the blob and its end nothing comes. */
  async remove(digest: Digest): Promise<void> {
    const dropped = this.#temporary();
    try {
      renameSync(this.#blob(digest), dropped);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return;
      throw error;
    }
    await rm(dropped, { force: true });
  }

  setAside(digest: Digest, inode: number): boolean {
    const path = this.#blob(digest);
    if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) return false;
    renameSync(path, join(this.#directory, "damaged", fileName(digest)));
    return true;
  }

  damaged(): BlobInfo[] {
    return filesByDigest(join(this.#directory, "damaged"));
  }

  forgetDamaged(digest: Digest): void {
    rmSync(join(this.#directory, "damaged", fileName(digest)), { force: true });
  }

  list(): BlobInfo[] {
    return algorithms.flatMap((algorithm) =>
      readdirSync(join(this.#directory, "blobs", algorithm))
        .filter((hex) => hex.length === hexLength[algorithm])
        .map((hex): BlobInfo => this.stat(`${algorithm}:${hex}`)),
    );
  }

  async resume(digest: Digest, purpose: Purpose = "pull"): Promise<PartialBlob> {
    const { algorithm } = parseDigest(digest);
    const path = this.#partial(digest, purpose);
    if (this.#open.has(path)) {
      throw fail("conflict", "content.partial-open", `${digest} is on its way in already`);
    }
    this.#open.add(path);
    try {
      const partial = await openPartialBlob({ path, target: this.#blob(digest) }, algorithm, this.#publish);
      return closing(partial, () => this.#open.delete(path));
    } catch (error) {
      this.#open.delete(path);
      throw error;
    }
  }

  partials(purpose: Purpose = "pull") {
    return filesByDigest(this.#partials(purpose));
  }

  async removePartial(digest: Digest, purpose: Purpose = "pull"): Promise<void> {
    const path = this.#partial(digest, purpose);
    if (!this.#open.has(path)) await rm(path, { force: true });
  }

  /** The file is on disk before its name is: a name never stands for half a blob. */
  readonly #publish = async (temporary: string, info: BlobInfo): Promise<void> => {
    const target = this.#blob(info.digest);
    const stored = statSync(target, { throwIfNoEntry: false });
    if (stored?.size === info.size) return await rm(temporary, { force: true });
    await rename(temporary, target);
    await syncDirectory(join(target, ".."));
  };

  #temporary(): string {
    return join(this.#directory, "ingest", String(this.#next++));
  }

  #partials(purpose: Purpose): string {
    const directory = join(this.#directory, "partial");
    return purpose === "pull" ? directory : join(directory, purpose);
  }

  #partial(digest: Digest, purpose: Purpose): string {
    return join(this.#partials(purpose), fileName(digest));
  }

  #blob(digest: Digest): string {
    const { algorithm, hex } = parseDigest(digest);
    return join(this.#directory, "blobs", algorithm, hex);
  }
}

/** A digest as the name of a file. */
function fileName(digest: Digest): string {
  const { algorithm, hex } = parseDigest(digest);
  return `${algorithm}-${hex}`;
}

function filesByDigest(directory: string): (BlobInfo & { readonly changedAt: Date })[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const found = entry.isFile()
      ? statSync(join(directory, entry.name), { throwIfNoEntry: false })
      : undefined;
    const digest = entry.name.replace("-", ":") as Digest;
    return found ? [{ digest, size: found.size, changedAt: found.mtime }] : [];
  });
}

/** Tells when a partial blob is nobody's any more. */
function closing(partial: PartialBlob, closed: () => void): PartialBlob {
  const ending = async <T>(end: Promise<T>): Promise<T> => await end.finally(closed);
  return {
    path: partial.path,
    target: partial.target,
    get size() {
      return partial.size;
    },
    get written() {
      return partial.written;
    },
    write: (chunk) => partial.write(chunk),
    flush: () => partial.flush(),
    truncate: () => partial.truncate(),
    commit: (expected) => ending(partial.commit(expected)),
    keep: () => ending(partial.keep()),
    abort: () => ending(partial.abort()),
  };
}

/** The parts of a digest. Throws `invalid` / `content.digest-invalid`; what passes is safe as a file name. */
export function parseDigest(digest: string): {
  readonly algorithm: "sha256" | "sha512";
  readonly hex: string;
} {
  const [algorithm, hex] = digest.split(":", 2) as [string, string | undefined];
  const known = algorithms.find((one) => one === algorithm);
  if (known && hex?.length === hexLength[known] && /^[0-9a-f]+$/.test(hex) && !digest.includes(":", 7)) {
    return { algorithm: known, hex };
  }
  throw fail("invalid", "content.digest-invalid", `invalid digest: '${digest}'`, {
    hint: "a digest is sha256: and 64 hexadecimal digits",
  });
}

async function writeStream(
  writer: BlobWriter,
  source: AsyncIterable<Uint8Array>,
  limit: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const chunk of source) {
    signal?.throwIfAborted();
    await writer.write(chunk);
    // What is too long can't match any more: don't fill the disk first.
    if (limit !== undefined && writer.size > limit) return;
  }
  signal?.throwIfAborted();
}

function notFound(digest: Digest): Error {
  return fail("not-found", "content.not-found", `no content with the digest ${digest}`, {
    hint: "pull or build the image again",
  });
}
