import { open, type FileHandle } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, KeyedLock, type Clock, type Logger } from "../base/index.ts";
import { writeFileAtomic } from "../host/index.ts";
import { parseDigest } from "./content-store.ts";
import type { BlobInfo, ContentStore, Digest } from "./content.ts";

/**
 * Reads every blob from time to time, slowly, and compares it with its digest: disks forget. A damaged one is set aside,
 * so that nobody gets it, and comes back when its image is pulled or pushed again. A pass goes on where it was after a
 * restart.
 */
export interface Scrubber {
  /** A whole pass at once, as fast as it goes; what was read, and all that is damaged now. */
  run(signal?: AbortSignal): Promise<BlobsRead & { readonly damaged: readonly DamagedBlob[] }>;
  status(): ScrubStatus;
  /** Begins a pass whenever the last one is a week old, until `close`. */
  start(): void;
  close(): Promise<void>;
}

export interface BlobsRead {
  readonly blobs: number;
  readonly bytes: number;
}

export interface DamagedBlob extends BlobInfo {
  /** What needs it: images and repositories. */
  readonly holders: readonly string[];
}

export interface ScrubStatus {
  readonly finishedAt?: Date;
  /** Of the pass that is under way. */
  readonly underWay?: BlobsRead;
  readonly damaged: readonly DamagedBlob[];
}

export interface ScrubberDependencies {
  readonly content: ContentStore;
  /** `ROOT/content`: `scrub.json` says how far a pass is. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly holders: (digest: Digest) => readonly string[];
  /** Hears of each damaged blob, once. */
  readonly found: (blob: DamagedBlob) => void;
}

const passEveryMs = 7 * 24 * 3_600_000;
const lookEveryMs = 10 * 60_000;
const chunkSize = 1 << 20;
/** A chunk in so many milliseconds: 10 MB in a second. */
const pauseMs = 100;

interface Record extends BlobsRead {
  readonly finishedAt?: number;
  /** The last blob that was read in the pass that is under way. */
  readonly cursor?: Digest;
}

export function createScrubber(dependencies: ScrubberDependencies): Scrubber {
  const { clock, logger } = dependencies;
  const pass = createPass(dependencies);
  const closing = new AbortController();
  const timers = new DisposableStack();
  let work: Promise<void> = Promise.resolve();
  let busy = false;

  const begin = () => {
    const { finishedAt = 0, cursor } = pass.record();
    const due = clock.now().getTime() - finishedAt >= passEveryMs;
    if (busy || !(due || cursor !== undefined)) return;
    busy = true;
    work = pass
      .slowly(closing.signal)
      .catch((error: unknown) => {
        if (!closing.signal.aborted)
          logger.error("blobs could not be compared with their digests", { error });
      })
      .finally(() => (busy = false));
  };

  return {
    run: (signal) => pass.atOnce(signal),
    status() {
      const { finishedAt, cursor, blobs, bytes } = pass.record();
      return {
        ...(finishedAt === undefined ? {} : { finishedAt: new Date(finishedAt) }),
        ...(cursor === undefined ? {} : { underWay: { blobs, bytes } }),
        damaged: damagedNow(dependencies),
      };
    },
    start: () => void timers.use(clock.every(lookEveryMs, begin)),
    async close() {
      timers.dispose();
      closing.abort();
      await work;
    },
  };
}

/** One way through all blobs, in the order of their digests, written down as it goes. */
function createPass(dependencies: ScrubberDependencies) {
  const { content, directory, clock, logger } = dependencies;
  const path = join(directory, "scrub.json");
  const turns = new KeyedLock();
  let record = readRecord(path);
  const keep = async (next: Record) => {
    record = next;
    await writeFileAtomic(path, JSON.stringify(next));
  };
  return {
    record: () => record,
    async slowly(signal: AbortSignal): Promise<void> {
      const { cursor = "" } = record;
      const finished = record.finishedAt === undefined ? {} : { finishedAt: record.finishedAt };
      let done: BlobsRead =
        cursor === "" ? { blobs: 0, bytes: 0 } : { blobs: record.blobs, bytes: record.bytes };
      for (const { digest, size } of inOrder(content).filter((one) => one.digest > cursor)) {
        await turns.run("", () => look(dependencies, digest, () => clock.sleep(pauseMs, signal)), signal);
        done = { blobs: done.blobs + 1, bytes: done.bytes + size };
        await keep({ ...finished, ...done, cursor: digest });
      }
      await keep({ ...done, finishedAt: clock.now().getTime() });
      logger.info("all blobs were compared with their digests", { ...done });
    },
    atOnce: (signal?: AbortSignal) =>
      turns.run(
        "",
        async () => {
          let done: BlobsRead = { blobs: 0, bytes: 0 };
          for (const { digest, size } of inOrder(content)) {
            await look(dependencies, digest, () => signal?.throwIfAborted());
            done = { blobs: done.blobs + 1, bytes: done.bytes + size };
          }
          await keep({ ...done, finishedAt: clock.now().getTime() });
          return { ...done, damaged: damagedNow(dependencies) };
        },
        signal,
      ),
  };
}

function inOrder(content: ContentStore): BlobInfo[] {
  return content.list().toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** What is whole again, or needed by nobody any more, is forgotten. */
function damagedNow({ content, holders }: ScrubberDependencies): DamagedBlob[] {
  return content.damaged().flatMap((blob) => {
    const needed = holders(blob.digest);
    if (!content.has(blob.digest) && needed.length > 0) return [{ ...blob, holders: needed }];
    content.forgetDamaged(blob.digest);
    return [];
  });
}

async function look(
  { content, holders, found, logger }: ScrubberDependencies,
  digest: Digest,
  pause: () => Promise<void> | void,
): Promise<void> {
  if (!content.has(digest)) return;
  const path = content.path(digest);
  const file = await open(path, "r").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return;
  try {
    const { ino, size } = await file.stat();
    if ((await digestOf(file, digest, pause)) === digest) return;
    if (!content.setAside(digest, ino)) return; // it went, or is another file by now
    const blob = { digest, size, holders: holders(digest) };
    logger.error("a blob is damaged and was set aside", { ...blob });
    found(blob);
  } finally {
    await file.close();
  }
}

/** Undefined when the disk can't read it (any more). */
async function digestOf(
  file: FileHandle,
  like: Digest,
  pause: () => Promise<void> | void,
): Promise<Digest | undefined> {
  const { algorithm } = parseDigest(like);
  const hasher = new Bun.CryptoHasher(algorithm);
  const buffer = Buffer.allocUnsafe(chunkSize);
  for (;;) {
    const read = await file.read(buffer, 0, chunkSize).catch((error: unknown) => {
      if (errnoOf(error) === "EIO") return undefined;
      throw error;
    });
    if (!read) return undefined;
    if (read.bytesRead === 0) return `${algorithm}:${hasher.digest("hex")}`;
    hasher.update(buffer.subarray(0, read.bytesRead));
    await pause();
  }
}

function readRecord(path: string): Record {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record;
  } catch {
    return { blobs: 0, bytes: 0 }; // there is none yet
  }
}
