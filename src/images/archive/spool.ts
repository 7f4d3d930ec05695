import { posix } from "node:path";
import type { BlobInfo, BlobWriter, ContentStore, Digest } from "../../content/index.ts";
import { TarParser, toUtf8, type TarEntry } from "../../layers/index.ts";
import { malformed } from "../formats.ts";
import type { Hold } from "../garbage.ts";
import { isDigest } from "../reference.ts";

/** The files of an image archive, each a blob in the content store. Paths are keys here, never places on a disk. */
export interface ArchiveFiles {
  /** The file at `path`, through links. Throws `invalid` for a link out of the archive or in a circle. */
  find(path: string): BlobInfo | undefined;
  /** The file of an OCI layout that has this digest. */
  blob(digest: Digest): BlobInfo | undefined;
}

/** Far beyond any real archive; images have a handful of files each. */
const maxEntries = 100_000;

/** What old Docker versions wrote beside each layer, and nobody reads. */
const ignored = /^([^/]+\/(VERSION|json)|repositories)$/;

/**
 * Stores every file of a tar. A file called `blobs/ALGORITHM/HEX` must have that digest (`data-loss` else). Devices and
 * pipes are refused. What was stored is the hold's: it goes again unless it becomes part of an image.
 */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  content: ContentStore,
  hold: Hold,
  signal: AbortSignal | undefined,
): Promise<ArchiveFiles> {
  const files = new Map<string, BlobInfo>();
  const links = new Map<string, string>();
  let entries = 0;
  await using undo = new AsyncDisposableStack();
  let open: { readonly writer: BlobWriter; readonly path: string } | undefined;
  undo.defer(async () => await open?.writer.abort());

  for await (const event of tarEvents(source)) {
    signal?.throwIfAborted();
    if (event.kind === "data") {
      await open?.writer.write(event.bytes);
    } else if (event.kind === "end") {
      if (!open) continue;
      const info = await commit(open.writer, open.path);
      hold.own(info.digest);
      files.set(open.path, info);
      open = undefined;
    } else {
      if (++entries > maxEntries) throw malformed(`the archive has more than ${maxEntries} entries`);
      const path = archivePath(toUtf8(event.entry.path));
      const link = linkOf(event.entry, path);
      files.delete(path);
      links.delete(path);
      if (link !== undefined) links.set(path, link);
      if (event.entry.type === "file" && !ignored.test(path)) {
        open = {
          path,
          writer: await content.writer(digestOf(path)?.startsWith("sha512") ? "sha512" : "sha256"),
        };
      }
    }
  }

  const find = (path: string, hops = 0): BlobInfo | undefined => {
    const target = links.get(path);
    if (target === undefined) return files.get(path);
    if (hops > 8) throw malformed(`'${path}' links in a circle`);
    return find(target, hops + 1);
  };
  return {
    find: (path) => find(archivePath(path)),
    blob: (digest) => find(`blobs/${digest.replace(":", "/")}`),
  };
}

async function commit(writer: BlobWriter, path: string): Promise<BlobInfo> {
  const digest = digestOf(path);
  return await writer.commit(digest === undefined ? {} : { digest });
}

/** The digest that the name of a file in an OCI layout promises. */
function digestOf(path: string): Digest | undefined {
  const match = /^blobs\/(sha256|sha512)\/([^/]+)$/.exec(path);
  const digest = match ? `${match[1]}:${match[2]}` : "";
  return isDigest(digest) ? digest : undefined;
}

function linkOf(entry: TarEntry, path: string): string | undefined {
  if (entry.type === "file" || entry.type === "directory") return undefined;
  const target = toUtf8(entry.linkTarget ?? "");
  if (entry.type === "symlink") return archivePath(posix.join(posix.dirname(path), target));
  if (entry.type === "hardlink") return archivePath(target);
  throw malformed(`'${path}' is a ${entry.type} device or pipe; an image archive has none`);
}

/** A path in its one form. Throws `invalid` for one that leads out of the archive. */
function archivePath(path: string): string {
  const plain = posix.normalize(path.replace(/^\/+/, "")).replace(/\/$/, "");
  if (plain === ".." || plain.startsWith("../")) throw malformed(`'${path}' leads out of the archive`);
  return plain;
}

type TarEvent =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" };

/** Turns the parser's calls into events that can be waited for; at most one piece of the source is in memory. */
async function* tarEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEvent> {
  let events: TarEvent[] = [];
  const parser = new TarParser({
    entry: (entry) => void events.push({ kind: "entry", entry }),
    // The piece stays as it is until the next `push`, which comes after it was written.
    data: (bytes) => void events.push({ kind: "data", bytes }),
    endEntry: () => void events.push({ kind: "end" }),
  });
  const take = () => {
    const taken = events;
    events = [];
    return taken;
  };
  for await (const chunk of source) {
    parser.push(chunk);
    yield* take();
  }
  parser.end();
  yield* take();
}
