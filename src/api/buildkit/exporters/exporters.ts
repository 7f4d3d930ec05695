import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fail, messageOf } from "../../../base/index.ts";
import { normalise, type Image, type Images } from "../../../images/index.ts";
import { bindMount, unmount } from "../../../host/index.ts";
import type { Archives, LayerStore } from "../../../layers/index.ts";
import type { KeptFolders } from "../sessions/kept-folders.ts";
import { credentialsOf } from "../sessions/lent.ts";
import type { ProgressVertex } from "../solve/progress.ts";
import type { Solve } from "../solve/solves.ts";
import type { TypedAttributes } from "../wire/control.ts";
import { checkExporter, isTrue } from "./attributes.ts";
import { openTarget, sendBytes } from "./send-bytes.ts";
import { sendTree } from "./send-tree.ts";

export interface ExporterDependencies {
  readonly images: Pick<Images, "tag" | "push" | "pushIndex" | "save" | "saveIndex">;
  readonly layers: Pick<LayerStore, "mount" | "unmount">;
  readonly archives: Archives;
  readonly folders: KeptFolders;
}

/** What the client is told of a result that was stored somewhere. */
export type ExporterResponse = Record<string, string>;

/** `platform` is absent when the result is no index. */
export interface PlatformImage {
  readonly platform: string | undefined;
  readonly image: Image;
}

interface Export {
  readonly solve: Solve;
  readonly type: string;
  readonly images: readonly PlatformImage[];
  /** The exporter's place among those of the solve. */
  readonly index: number;
  readonly attrs: Readonly<Record<string, string>>;
  readonly vertex: ProgressVertex;
}

type Exporter = (dependencies: ExporterDependencies, one: Export) => Promise<ExporterResponse>;

const exporters: Readonly<Record<string, { readonly title: string; readonly run: Exporter }>> = {
  moby: { title: "exporting to image", run: storeImage },
  image: { title: "exporting to image", run: storeImage },
  tar: { title: "exporting to client tarball", run: sendTar },
  local: { title: "exporting to client directory", run: sendFiles },
  docker: { title: "exporting to docker image format", run: sendArchive },
  oci: { title: "exporting to oci image format", run: sendArchive },
};

/** Throws `unimplemented` for an exporter, or an attribute of one, that is not supported; before anything is built. */
export function checkExporters(wanted: readonly Partial<TypedAttributes>[]): void {
  for (const { type = "", attrs = {} } of wanted) {
    if (exporters[type] === undefined) {
      const known = Object.keys(exporters).join(", ");
      throw fail(
        "unimplemented",
        "buildkit.exporter",
        `the exporter '${type}' is not supported; there are ${known}`,
      );
    }
    checkExporter(type, attrs);
  }
}

/** Whether the image stays among those of the daemon. */
export function keepsImage({ type = "" }: Partial<TypedAttributes>): boolean {
  return type === "moby" || type === "image";
}

export async function exportResult(
  dependencies: ExporterDependencies,
  solve: Solve,
  images: readonly PlatformImage[],
  [index, { type = "", attrs = {} }]: readonly [number, Partial<TypedAttributes>],
): Promise<ExporterResponse> {
  const { title, run } = exporters[type]!;
  const vertex = solve.progress.vertex({ name: title });
  try {
    const response = await run(dependencies, { solve, type, images, index, attrs, vertex });
    vertex.complete();
    return response;
  } catch (error) {
    vertex.complete({ error: messageOf(error) });
    throw error;
  }
}

async function storeImage(dependencies: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  const { images } = dependencies;
  const { solve, attrs, vertex } = one;
  const names = namesOf(attrs);
  const image = onlyImage(one);
  if (image === undefined) return isTrue(attrs, "push") ? await pushAll(dependencies, one) : keepNone(names);
  vertex.status("exporting layers", { done: true });
  vertex.status(`writing image ${image.id}`, { done: true });
  for (const name of names) {
    images.tag(image.id, name);
    vertex.status(`naming to ${name}`, { done: true });
  }
  const pushed = isTrue(attrs, "push");
  if (pushed) {
    const { signal, session } = solve;
    const credentials = credentialsOf(session, signal);
    for (const name of names) {
      const line = `pushing ${name}`;
      vertex.status(line, {});
      await images.push(name, { credentials, signal });
      vertex.status(line, { done: true });
    }
  }
  // Of an image that only stays here clients take the digest for its id: compose keeps it in a label, and compares.
  return { ...told(image, names), ...(pushed ? {} : { "containerimage.digest": image.id }) };
}

/** The images of several platforms under their names, at the names' registries. */
async function pushAll({ images }: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  const { signal, session } = one.solve;
  const credentials = credentialsOf(session, signal);
  const names = namesOf(one.attrs);
  let response: ExporterResponse = {};
  for (const name of names) {
    const line = `pushing manifest list for ${name}`;
    one.vertex.status(line, {});
    const ids = one.images.map(({ image }) => image.id);
    response = toldOfIndex(await images.pushIndex(name, ids, { credentials, signal }), names);
    one.vertex.status(line, { done: true });
  }
  return response;
}

/** Here, a name stands for one image: that of one platform. */
function keepNone(names: readonly string[]): ExporterResponse {
  if (names.length === 0) return {};
  const message = `${names.join(", ")} can't name images of several platforms here`;
  throw fail("unimplemented", "buildkit.platforms", message, {
    hint: "send them to a registry with --push, or to a file with --output type=oci,dest=FILE",
  });
}

function onlyImage({ images }: Export): Image | undefined {
  const [first, ...others] = images;
  return others.length === 0 && first?.platform === undefined ? first?.image : undefined;
}

/** An archive that docker and OCI tools read. */
async function sendArchive({ images }: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  const { solve, index, vertex } = one;
  const names = namesOf(one.attrs);
  const image = onlyImage(one);
  if (image === undefined && one.type === "docker") {
    const message = "docker exporter does not currently support exporting manifest lists";
    throw fail("unimplemented", "buildkit.platforms", message, { hint: "use --output type=oci,dest=FILE" });
  }
  const target = openTarget(solve.session, index, solve.signal);
  const ids = one.images.map((part) => part.image.id);
  const whole = image === undefined ? images.saveIndex(ids, names, solve.signal) : undefined;
  const sent = await sendBytes(target, whole?.stream ?? images.save(ids, solve.signal, names));
  vertex.status("sending tarball", { current: sent, total: sent, done: true });
  return whole ? toldOfIndex(whole.index, names) : told(image!, names);
}

async function sendTar(dependencies: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  await withFiles(dependencies, one, async (root) => {
    const { signal, session } = one.solve;
    const target = openTarget(session, one.index, signal);
    const sent = await sendBytes(target, dependencies.archives.create(root, "/.", { signal }));
    one.vertex.status("sending tarball", { current: sent, total: sent, done: true });
  });
  return {};
}

async function sendFiles(dependencies: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  await withFiles(dependencies, one, async (root) => {
    const sent = await sendTree(openTarget(one.solve.session, one.index, one.solve.signal), root);
    one.vertex.status("copying files", { current: sent, done: true });
  });
  return {};
}

/** The files of the result, mounted to be read while `use` runs; those of several platforms each in a folder of its own. */
async function withFiles(
  { layers, folders }: ExporterDependencies,
  one: Export,
  use: (root: string) => Promise<void>,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await folders.lend(""));
  const mount = async ({ image }: PlatformImage, directory: string) => {
    const stack = image.config.rootfs.diff_ids;
    if (stack.length === 0) return undefined;
    undo.defer(() => layers.unmount(directory));
    return await layers.mount({ layers: stack, directory, readOnly: true });
  };
  const isSplit = onlyImage(one) === undefined || isTrue(one.attrs, "platform-split");
  if (!isSplit) return await use((await mount(one.images[0]!, join(path, "mount"))) ?? path);
  const root = join(path, "all");
  mkdirSync(root, { mode: 0o755 });
  for (const [index, part] of one.images.entries()) {
    const { os, architecture, variant } = part.image.config;
    const folder = join(root, [os, architecture, ...(variant === undefined ? [] : [variant])].join("_"));
    mkdirSync(folder, { mode: 0o755 });
    const merged = await mount(part, join(path, `mount-${index}`));
    if (merged === undefined) continue;
    bindMount(merged, folder, { readOnly: true });
    undo.defer(() => unmount(folder, true));
  }
  await use(root);
}

function namesOf(attrs: Readonly<Record<string, string>>): string[] {
  return (attrs.name ?? "").split(",").filter(Boolean).map(normalise);
}

function told(image: Image, names: readonly string[]): ExporterResponse {
  return {
    "containerimage.digest": image.manifest.digest,
    "containerimage.config.digest": image.id,
    "containerimage.descriptor": Buffer.from(JSON.stringify(image.manifest)).toString("base64"),
    ...(names.length > 0 ? { "image.name": names.join(",") } : {}),
  };
}

function toldOfIndex(index: Image["manifest"], names: readonly string[]): ExporterResponse {
  return {
    "containerimage.digest": index.digest,
    "containerimage.descriptor": Buffer.from(JSON.stringify(index)).toString("base64"),
    ...(names.length > 0 ? { "image.name": names.join(",") } : {}),
  };
}
