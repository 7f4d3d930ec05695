import { fail } from "../../base/index.ts";
import type { ExtractOptions } from "../../layers/index.ts";
import type { PathStat } from "../container.ts";
import { emit, type Engine } from "../engine.ts";
import { findPlace, keepsFollowing, openLocation, pathStat, type Location } from "./location.ts";
import { resolveUser } from "../oci/index.ts";
import type { Entry } from "../registry.ts";
import { refuseGoing } from "../state.ts";
import { basename } from "node:path";

/** A tar of `path`; whatever had to be mounted for it stays until the stream has ended. */
export async function archivePath(
  engine: Engine,
  entry: Entry,
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly tar: ReadableStream<Uint8Array> }> {
  const { container } = entry.record;
  await using stack = new AsyncDisposableStack();
  const location = stack.use(await openLocation(engine, entry));
  const stat = pathStat(location, container, path);
  const follow = keepsFollowing(path);
  const place = findPlace(location, container, path, follow);
  // Docker's client takes the name apart again: `dir/.` must come as `./` and `./…`, and `link/` to `/` as `link/…`.
  const tar = engine.archives.create(place.root, place.path, {
    name: basename(path) || ".",
    ...(place.inside.path === "/" ? { exclude: isOfKernel } : {}),
    signal: joined(location, signal),
  });
  emit(engine, entry, "archive-path");
  return { stat, tar: thenDispose(tar, stack.move()) };
}

/** What the kernel shows in a running container: no files of the container. */
function isOfKernel(path: string): boolean {
  return /^([^/]+\/)?(dev|proc|sys)\/./.test(path);
}

/** The whole root filesystem, without what is mounted in it. */
export async function exportContainer(
  engine: Engine,
  entry: Entry,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { record } = entry;
  refuseGoing(record.container.state);
  await using stack = new AsyncDisposableStack();
  const root = await engine.rootfs.acquire(record);
  stack.defer(() => engine.rootfs.release(record));
  const gone = engine.rootfs.signalOf(record);
  const tar = engine.archives.create(root, "/.", { signal: signal ? AbortSignal.any([signal, gone]) : gone });
  emit(engine, entry, "export");
  return thenDispose(tar, stack.move());
}

export async function statContainerPath(engine: Engine, entry: Entry, path: string): Promise<PathStat> {
  await using location = await openLocation(engine, entry);
  return pathStat(location, entry.record.container, path);
}

/** Unpacks a tar into a directory of the container. Throws Docker's texts for what cannot take it. */
export async function extractInto(
  engine: Engine,
  entry: Entry,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  options: { readonly noOverwriteDirNonDir?: boolean; readonly copyOwner?: boolean } = {},
): Promise<void> {
  const { container } = entry.record;
  await using location = await openLocation(engine, entry);
  const place = findPlace(location, container, path, true);
  if (place.inside.type !== "directory") {
    throw fail("invalid", "container.not-a-directory", "extraction point is not a directory");
  }
  if (place.readOnly) {
    throw fail("permission", "container.read-only", "container rootfs or mounted volume is marked read-only");
  }
  await engine.archives.extract(tar, place.root, place.path, {
    ...ownerOf(location, options.copyOwner ? container.process.User : undefined),
    ...(options.noOverwriteDirNonDir === undefined
      ? {}
      : { noOverwriteDirNonDir: options.noOverwriteDirNonDir }),
    // Compose sends secrets and configs by their absolute paths.
    stripLeadingSlashes: true,
    signal: location.signal,
  });
  emit(engine, entry, "extract-to-dir");
}

function ownerOf(location: Location, user: string | undefined): Pick<ExtractOptions, "owner"> {
  if (!user) return {};
  const { uid, gid } = resolveUser(location.root, user, []);
  return { owner: { uid, gid } };
}

function joined(location: Location, signal: AbortSignal | undefined): AbortSignal {
  return signal ? AbortSignal.any([signal, location.signal]) : location.signal;
}

/** Hands a stream on and disposes of `stack` when it has ended, failed or been cancelled. */
function thenDispose(
  source: ReadableStream<Uint8Array>,
  stack: AsyncDisposableStack,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          await stack.disposeAsync();
          controller.close();
        } catch (error) {
          await stack.disposeAsync();
          throw error;
        }
      },
      async cancel(reason) {
        await reader.cancel(reason);
        await stack.disposeAsync();
      },
    },
    { highWaterMark: 0 },
  );
}
