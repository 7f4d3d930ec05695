import { join } from "node:path";
import { fail, messageOf } from "../../../base/index.ts";
import { normalise, type Image, type Images } from "../../../images/index.ts";
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
  readonly images: Pick<Images, "tag" | "push" | "save">;
  readonly layers: Pick<LayerStore, "mount" | "unmount">;
  readonly archives: Archives;
  readonly folders: KeptFolders;
}

/** What the client is told of a result that was stored somewhere. */
export type ExporterResponse = Record<string, string>;

interface Export {
  readonly solve: Solve;
  readonly image: Image;
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
  image: Image,
  [index, { type = "", attrs = {} }]: readonly [number, Partial<TypedAttributes>],
): Promise<ExporterResponse> {
  const { title, run } = exporters[type]!;
  const vertex = solve.progress.vertex({ name: title });
  try {
    const response = await run(dependencies, { solve, image, index, attrs, vertex });
    vertex.complete();
    return response;
  } catch (error) {
    vertex.complete({ error: messageOf(error) });
    throw error;
  }
}

async function storeImage({ images }: ExporterDependencies, { solve, image, attrs, vertex }: Export) {
  vertex.status("exporting layers", { done: true });
  vertex.status(`writing image ${image.id}`, { done: true });
  const names = namesOf(attrs);
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

/** An archive that docker and OCI tools read. */
async function sendArchive({ images }: ExporterDependencies, { solve, image, index, attrs, vertex }: Export) {
  const names = namesOf(attrs);
  const target = openTarget(solve.session, index, solve.signal);
  const sent = await sendBytes(target, images.save([image.id], solve.signal, names));
  vertex.status("sending tarball", { current: sent, total: sent, done: true });
  return told(image, names);
}

async function sendTar(dependencies: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  await withFiles(dependencies, one.image, async (root) => {
    const { signal, session } = one.solve;
    const target = openTarget(session, one.index, signal);
    const sent = await sendBytes(target, dependencies.archives.create(root, "/.", { signal }));
    one.vertex.status("sending tarball", { current: sent, total: sent, done: true });
  });
  return {};
}

async function sendFiles(dependencies: ExporterDependencies, one: Export): Promise<ExporterResponse> {
  await withFiles(dependencies, one.image, async (root) => {
    const sent = await sendTree(openTarget(one.solve.session, one.index, one.solve.signal), root);
    one.vertex.status("copying files", { current: sent, done: true });
  });
  return {};
}

/** The image's files, mounted to be read while `use` runs. */
async function withFiles(
  { layers, folders }: ExporterDependencies,
  image: Image,
  use: (root: string) => Promise<void>,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await folders.lend(""));
  const stack = image.config.rootfs.diff_ids;
  if (stack.length === 0) return await use(folder.path);
  const directory = join(folder.path, "mount");
  undo.defer(() => layers.unmount(directory));
  await use(await layers.mount({ layers: stack, directory, readOnly: true }));
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
