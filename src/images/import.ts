import { fail, type Report } from "../base/index.ts";
import type { Platform } from "../content/index.ts";
import type { Events } from "../events/index.ts";
import { hostPlatform, layerMediaType } from "./formats.ts";
import type { Image, ImageHistory, ImageProcess, Origin } from "./image.ts";
import { register, writeRecipe, type RegisterDependencies } from "./register.ts";

export interface RootfsImport {
  /** Normalised. */
  readonly reference?: string;
  readonly process?: ImageProcess;
  readonly platform?: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly history: Omit<ImageHistory, "created" | "empty_layer">;
  readonly signal?: AbortSignal;
  readonly report?: Report;
  readonly origin: Origin;
}

/** Makes an image of one layer from a root filesystem tar (plain, gzip or zstd). Leaves nothing when it fails. */
export async function importRootfs(
  dependencies: RegisterDependencies,
  source: AsyncIterable<Uint8Array>,
  options: RootfsImport,
): Promise<Image> {
  const { content, layers, garbage } = dependencies;
  await using hold = garbage.hold();
  const { head, stream } = await peek(source);
  if (head.length === 0) throw fail("invalid", "image.malformed", "the root filesystem archive is empty");
  const mediaType = layerMediaType(head);
  if (mediaType === undefined) throw compressionRefused("the root filesystem archive");
  const blob = await content.put(stream, undefined, options.signal);
  hold.own(blob.digest);
  const descriptor = { mediaType, ...blob };
  const layer = await layers.unpack(descriptor, {
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.report ? { report: options.report } : {}),
  });
  hold.own(layer.diffId);
  options.signal?.throwIfAborted();
  const recipe = {
    config: {
      ...(options.platform ?? hostPlatform()),
      created: options.created,
      config: options.process ?? {},
      history: [{ created: options.created, ...options.history }],
    },
    layers: [{ diffId: layer.diffId, descriptor }],
  };
  const image = await writeRecipe(dependencies, recipe, hold);
  return await register(dependencies, image, options.reference === undefined ? [] : [options.reference], {
    origin: options.origin,
  });
}

export function compressionRefused(what: string): Error {
  return fail("unimplemented", "image.compression", `${what} is compressed with xz, bzip2 or lz4`, {
    hint: "unpack it first, or compress it with gzip or zstd",
  });
}

/** The first bytes of a stream (6, fewer only at its end), and the stream with them. */
export async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; stream: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 6) {
    const next = await iterator.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  return { head, stream: prepend(head, iterator) };
}

async function* prepend(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const next = await rest.next();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

/** Announces what happened to an image; `name` is what Docker puts there for the action. */
export function announce(
  events: Events,
  action: "create" | "tag" | "import" | "load" | "save",
  image: Image,
  name: string = image.id,
): void {
  events.emit("image", action, image.id, { ...image.config.config?.Labels, name });
}
