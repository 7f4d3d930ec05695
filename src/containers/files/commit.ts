import { isVirgaError } from "../../base/index.ts";
import type { Digest } from "../../content/index.ts";
import { familiar, normalise, type ImageProcess, type ImageRecipe } from "../../images/index.ts";
import type { Change } from "../../layers/index.ts";
import { emit, type Engine } from "../engine.ts";
import type { Entry } from "../registry.ts";
import { openWritten, overlayOf } from "./rootfs.ts";
import { mkdir } from "node:fs/promises";

export interface CommitOptions {
  readonly reference?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly process?: ImageProcess;
  readonly pause?: boolean;
}

/** A new image: the container's image with one layer more. Its processes are held meanwhile; the caller holds the lock. */
export async function commitContainer(engine: Engine, entry: Entry, options: CommitOptions): Promise<Digest> {
  const { container } = entry.record;
  const image = engine.images.resolve(container.imageId);
  const { layer, descriptor } = await heldStill(engine, entry, options.pause ?? true, async () => {
    await using written = await openWritten(engine.rootfs, entry.record);
    const { upper } = written;
    // A container that never ran has changed nothing.
    await mkdir(upper, { recursive: true });
    return await engine.layers.commit(upper, { move: false });
  });
  // Nothing names the layer until the image is there: a prune in between must not take it.
  const held = { layer: layer.diffId, blob: descriptor.digest };
  engine.registry.commits.add(held);
  using _held = { [Symbol.dispose]: () => void engine.registry.commits.delete(held) };
  const created = engine.clock.now().toISOString();
  const { rootfs, author: _author, history = [], ...config } = image.config;
  const recipe: ImageRecipe = {
    config: {
      ...config,
      created,
      ...(options.author ? { author: options.author } : {}),
      config: withoutEmpty(options.process ?? container.process),
      history: [
        ...history,
        {
          created,
          created_by: [...(container.process.Entrypoint ?? []), ...(container.process.Cmd ?? [])].join(" "),
          ...(options.author ? { author: options.author } : {}),
          ...(options.comment ? { comment: options.comment } : {}),
        },
      ],
    },
    layers: [
      ...rootfs.diff_ids.map((diffId, index) => ({ diffId, descriptor: image.layers[index]! })),
      { diffId: layer.diffId, descriptor },
    ],
  };
  const made = await engine.images.create(recipe, options.reference);
  const imageRef = options.reference === undefined ? "" : familiar(normalise(options.reference));
  emit(engine, entry, "commit", { comment: options.comment ?? "", imageID: made.id, imageRef });
  return made.id;
}

/** Images leave out what a container has empty. */
function withoutEmpty({ Entrypoint = [], Cmd = [], ...rest }: ImageProcess): ImageProcess {
  return {
    ...rest,
    ...(Entrypoint.length > 0 ? { Entrypoint } : {}),
    ...(Cmd.length > 0 ? { Cmd } : {}),
  };
}

export async function changesOf(engine: Engine, entry: Entry): Promise<Change[]> {
  const { record } = entry;
  await using written = await openWritten(engine.rootfs, record);
  await mkdir(written.upper, { recursive: true });
  return withoutStubs(await engine.layers.changes({ layers: record.layers, directory: overlayOf(record) }));
}

/** What is made in every container for mounts to stand on; Docker has it in a layer below and does not show it, either. */
const stubs: ReadonlySet<string> = new Set([
  "/.dockerenv", "/dev", "/dev/console", "/dev/mqueue", "/dev/pts", "/dev/shm", "/etc", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys",
]); // prettier-ignore

function withoutStubs(changes: readonly Change[]): Change[] {
  const kept = changes.filter((one) => one.kind !== "added" || !stubs.has(one.path));
  const bare = kept.length < changes.length && !kept.some((one) => one.path.startsWith("/etc/"));
  return bare ? kept.filter((one) => one.path !== "/etc" || one.kind !== "modified") : kept;
}

async function heldStill<T>(
  engine: Engine,
  entry: Entry,
  pause: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const { id, state } = entry.record.container;
  if (!pause || state.status !== "running" || state.paused) return await work();
  await unlessEnded(engine.runtime.pause(id));
  try {
    return await work();
  } finally {
    await unlessEnded(engine.runtime.resume(id));
  }
}

/** A container that ends by itself meanwhile stands still, too. */
async function unlessEnded(change: Promise<void>): Promise<void> {
  await change.catch((error: unknown) => {
    if (!isVirgaError(error, "not-found")) throw error;
  });
}
