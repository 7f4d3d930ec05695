import type { Clock } from "../base/index.ts";
import type { BlobInfo, PartialBlob } from "../content/index.ts";
import { mismatch } from "./documents.ts";
import { fail } from "../base/index.ts";
import { Repeatable } from "./failures.ts";
import type { RemoteRepository } from "./repository.ts";
import { pauseOrThrow } from "./retry.ts";

/** Less than this is no progress: a connection that always breaks at once is given up. */
const progressBytes = 256 * 1024;

/**
 * Reads a blob into `target`, from where an earlier attempt stopped, and goes on after lost connections. Ends when all
 * bytes are there; their digest is for `target.commit`. Throws `data-loss` / `registry.size-mismatch` when there are more
 * or, again and again, fewer than the blob's size.
 */
export async function downloadBlob(
  remote: RemoteRepository,
  blob: BlobInfo,
  target: PartialBlob,
  options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly received: (bytes: number) => void;
  },
): Promise<void> {
  const { clock, signal, received } = options;
  if (target.size > blob.size) await target.truncate();
  received(target.size);
  for (let attempt = 1; target.size < blob.size;) {
    const before = target.size;
    try {
      await attemptOnce(remote, blob, target, signal, received);
    } catch (error) {
      if (target.size - before >= progressBytes) attempt = 1;
      await pauseOrThrow(error, attempt++, clock, signal);
    }
  }
}

async function attemptOnce(
  remote: RemoteRepository,
  blob: BlobInfo,
  target: PartialBlob,
  signal: AbortSignal,
  received: (bytes: number) => void,
): Promise<void> {
  const { start, chunks } = await remote.readBlob(blob, target.size, signal);
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
  const why = `${remote.host} ended blob ${blob.digest} after ${target.size} of ${blob.size} bytes`;
  throw new Repeatable(fail("data-loss", "registry.size-mismatch", why));
}
