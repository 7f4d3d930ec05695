import { fail } from "../base/index.ts";
import type { BlobInfo, PartialBlob } from "../content/index.ts";
import type { Connection } from "./connection.ts";
import { mismatch } from "./documents.ts";
import { Repeatable } from "./failures.ts";
import { pauseOrThrow } from "./retry.ts";

/** Less than this is no progress: a connection that always breaks at once is given up. */
const progressBytes = 256 * 1024;

/** `RemoteRepository.downloadBlob`. */
export async function downloadBlob(
  connection: Connection,
  blob: BlobInfo,
  target: PartialBlob,
  received: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  if (target.size > blob.size) await target.truncate();
  received(target.size);
  for (let attempt = 1; target.size < blob.size;) {
    const before = target.size;
    try {
      await attemptOnce(connection, blob, target, received, signal);
    } catch (error) {
      if (target.size - before >= progressBytes) attempt = 1;
      await pauseOrThrow(error, attempt++, connection.clock, signal);
    }
  }
}

async function attemptOnce(
  connection: Connection,
  blob: BlobInfo,
  target: PartialBlob,
  received: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { start, chunks } = await readBlob(connection, blob, target.size, signal);
  // A registry that knows no ranges begins at the beginning.
  let skip = target.size - start;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    const fresh = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - fresh.length;
    if (target.size + fresh.length > blob.size) {
      throw mismatch(`blob ${blob.digest}`, `${blob.size} bytes`, `more`);
    }
    if (fresh.length > 0) await target.write(fresh);
    received(target.size);
  }
  if (target.size === blob.size) return;
  const why = `${connection.host} ended blob ${blob.digest} after ${target.size} of ${blob.size} bytes`;
  throw new Repeatable(fail("data-loss", "registry.size-mismatch", why));
}

interface BlobStream {
  /** Where the stream begins: `start`, or 0 when the registry can't give a part. */
  readonly start: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The bytes of a blob from `start` on. One attempt: throws `Repeatable` for what may be tried again. */
export async function readBlob(
  connection: Connection,
  blob: BlobInfo,
  start: number,
  signal: AbortSignal,
): Promise<BlobStream> {
  const headers: Record<string, string> = start > 0 ? { Range: `bytes=${start}-` } : {};
  const request = { method: "GET", path: `blobs/${blob.digest}`, headers, signal } as const;
  const what = `blob ${blob.digest}`;
  const got = await connection.once(request);
  if (got.status === 416) {
    await got.drop();
    return await readBlob(connection, blob, 0, signal);
  }
  if (got.status !== 200 && got.status !== 206) {
    // A signed address of a store behind the registry runs out; the registry gives a new one.
    const expired = got.status === 403 && new URL(got.url).host !== connection.host;
    const failure = await connection.refuse(got, request, what).catch((error: unknown) => error as Error);
    throw expired ? new Repeatable(failure) : failure;
  }
  const begins = got.status === 206 ? rangeStart(got.headers.get("content-range"), start) : 0;
  const length = got.headers.get("content-length");
  const usable = begins !== undefined && begins <= start;
  if (!usable || (length !== null && begins + Number(length) > blob.size)) {
    await got.drop();
    const why = usable
      ? `longer than the ${blob.size} bytes that its manifest says`
      : "another part than asked for";
    throw fail("data-loss", "registry.size-mismatch", `${what}: ${connection.host} sends ${why}`);
  }
  return { start: begins, chunks: got.chunks() };
}

function rangeStart(header: string | null, otherwise: number): number | undefined {
  if (header === null) return otherwise;
  const match = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(header);
  return match ? Number(match[1]) : undefined;
}
