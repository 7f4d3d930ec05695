import { closeSync, openSync, read } from "node:fs";
import { promisify } from "node:util";
import { toVirgaError } from "../../base/index.ts";
import type { BlobInfo, ContentStore, Digest, PartialBlob } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import type { Leases } from "../leases.ts";
import type { IncomingBlob } from "./cache.ts";

/** Blobs on their way from upstreams: each comes once, however many wait for it. */
export interface Fetches {
  /** Takes part in the transfer of a blob, and begins it when there is none. */
  join(remote: RemoteRepository, blob: BlobInfo, repository: string): Promise<IncomingBlob>;
  has(digest: Digest): boolean;
  close(): Promise<void>;
}

export interface FetchesDependencies {
  readonly content: ContentStore;
  readonly leases: Leases;
  /** Writes down that a repository has the blob. */
  readonly link: (repositories: readonly string[], blob: BlobInfo) => Promise<void>;
  readonly received: (repository: string, bytes: number) => void;
}

/** One transfer. Ends by itself when nobody waits for it any more; what came of it stays for the next. */
interface Fetch {
  readonly blob: BlobInfo;
  readonly repositories: Set<string>;
  readonly partial: PartialBlob;
  readonly stored: Promise<BlobInfo>;
  readonly stop: AbortController;
  /** Bytes in the file. All but the last may be sent before the digest is known to be right. */
  written: number;
  changed: PromiseWithResolvers<void>;
  ended: boolean;
  waiting: number;
}

const chunkSize = 256 * 1024;
const readAt = promisify(read);

export function createFetches(dependencies: FetchesDependencies): Fetches {
  const { content } = dependencies;
  const running = new Map<Digest, Promise<Fetch>>();

  const begin = async (remote: RemoteRepository, blob: BlobInfo, repository: string): Promise<Fetch> => {
    const partial = await content.resume(blob.digest, "cache");
    const stored = Promise.withResolvers<BlobInfo>();
    stored.promise.catch(() => undefined); // nobody may wait for it
    const fetch: Fetch = {
      blob,
      repositories: new Set([repository]),
      partial,
      stored: stored.promise,
      stop: new AbortController(),
      written: 0,
      changed: Promise.withResolvers(),
      ended: false,
      waiting: 0,
    };
    void transfer(dependencies, remote, fetch)
      .then(stored.resolve, stored.reject)
      .finally(() => {
        running.delete(blob.digest);
        fetch.ended = true;
        fetch.changed.resolve();
      });
    return fetch;
  };

  return {
    has: (digest) => running.has(digest),
    async join(remote, blob, repository) {
      for (;;) {
        let begun = running.get(blob.digest);
        if (!begun) {
          begun = begin(remote, blob, repository);
          running.set(blob.digest, begun);
          begun.catch(() => running.delete(blob.digest));
        }
        const fetch = await begun;
        if (!fetch.stop.signal.aborted) return incoming(fetch, repository);
        await fetch.stored.catch(() => undefined); // the others have just gone; it is begun anew
      }
    },
    async close() {
      for (const begun of running.values()) {
        const fetch = await begun.catch(() => undefined);
        fetch?.stop.abort(new Error("the daemon stops"));
        await fetch?.stored.catch(() => undefined);
      }
    },
  };
}

/** Leased before it is stored, so that no collection comes between the store and the links. */
async function transfer(
  { leases, link, received }: FetchesDependencies,
  remote: RemoteRepository,
  fetch: Fetch,
): Promise<BlobInfo> {
  const { blob, partial, stop } = fetch;
  using _lease = leases.take(blob.digest);
  let before: number | undefined;
  const tell = (size: number) => {
    const [first] = fetch.repositories;
    if (before !== undefined) received(first!, size - before);
    before = size;
    if (partial.written === fetch.written) return;
    fetch.written = partial.written;
    fetch.changed.resolve();
    fetch.changed = Promise.withResolvers();
  };
  try {
    await remote.downloadBlob(blob, partial, tell, stop.signal);
    await partial.flush();
    tell(blob.size);
    await partial.commit(blob);
  } catch (error) {
    const { kind } = toVirgaError(error);
    await (["cancelled", "unavailable", "timeout"].includes(kind) || stop.signal.aborted
      ? partial.keep()
      : partial.abort());
    throw error;
  }
  await link([...fetch.repositories], blob);
  return blob;
}

function incoming(fetch: Fetch, repository: string): IncomingBlob {
  const { blob, partial, stored } = fetch;
  fetch.repositories.add(repository);
  fetch.waiting++;
  let file: number | undefined = openFirst([partial.path, partial.target]);
  const leave = () => {
    if (file === undefined) return;
    closeSync(file);
    file = undefined;
    if (--fetch.waiting === 0) fetch.stop.abort(new DOMException("nobody waits for it", "AbortError"));
  };
  return {
    ...blob,
    whole: () => stored.finally(leave),
    stream() {
      let at = 0;
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          try {
            const end = await readableFrom(fetch, at);
            if (file === undefined) return;
            const buffer = Buffer.allocUnsafe(Math.min(chunkSize, end - at));
            const { bytesRead } = await readAt(file, buffer, 0, buffer.length, at);
            at += bytesRead;
            controller.enqueue(buffer.subarray(0, bytesRead));
          } catch (error) {
            leave();
            throw error;
          }
          if (at < blob.size) return;
          controller.close();
          leave();
        },
        cancel: leave,
      });
    },
  };
}

/** The file has another name when the blob is complete. */
function openFirst([first, second]: readonly [string, string]): number {
  try {
    return openSync(first, "r");
  } catch {
    return openSync(second, "r");
  }
}

/** Waits for more than `at` bytes that may be read; how far they go. Throws why there will be none. */
async function readableFrom(fetch: Fetch, at: number): Promise<number> {
  const { blob, stored } = fetch;
  for (;;) {
    const end = Math.min(fetch.written, blob.size - 1);
    if (end > at) return end;
    if (fetch.ended) return (await stored).size;
    await fetch.changed.promise;
  }
}
