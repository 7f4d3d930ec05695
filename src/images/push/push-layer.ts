import { fail, type Report } from "../../base/index.ts";
import type { ContentStore, Descriptor } from "../../content/index.ts";
import type { RemoteRepository } from "../../distribution/index.ts";
import type { DiffId } from "../../layers/index.ts";
import type { Hold } from "../garbage.ts";
import type { Compressed } from "./compressed.ts";

export interface PushLayerDependencies {
  readonly content: ContentStore;
  readonly compressed: Compressed;
}

export interface LayerToPush {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  /** Repositories of the same registry that may have it. */
  readonly elsewhere: readonly string[];
}

/** As Docker names the line of a layer that is pushed: the beginning of its DiffID. */
export function pushTask({ diffId }: LayerToPush): string {
  return diffId.slice(7, 19);
}

/** Sees that the registry has a layer: it does, another repository there has it, or it is sent. Returns what it is there. */
export async function pushLayer(
  { content, compressed }: PushLayerDependencies,
  remote: RemoteRepository,
  layer: LayerToPush,
  { report, signal, hold }: { readonly report: Report; readonly signal: AbortSignal; readonly hold: Hold },
): Promise<Descriptor> {
  const task = pushTask(layer);
  const known = compressed.known(layer.descriptor);
  if (known) {
    if (await remote.hasBlob(known.digest, signal)) {
      report({ task, message: "Layer already exists", outcome: "skipped" });
      return known;
    }
    for (const path of layer.elsewhere) {
      if (!(await remote.mountBlob(known.digest, path, signal))) continue;
      report({ task, message: `Mounted from ${path}`, outcome: "done" });
      return known;
    }
  }
  if (!content.has(layer.descriptor.digest)) throw setAside(layer);
  const blob = await compressed.make(layer.descriptor, hold, signal);
  const { digest, size } = blob;
  const tell = (current: number) => report({ task, message: "Pushing", current, total: size, unit: "bytes" });
  const open = (start: number, end: number) => content.open(digest, { start, end });
  if (known?.digest === digest || !(await remote.hasBlob(digest, signal))) {
    tell(0);
    await remote.pushBlob({ digest, size, open }, tell, signal);
  }
  report({ task, message: "Pushed", current: size, total: size, unit: "bytes", outcome: "done" });
  return blob;
}

/** The layer's files are here, but nobody can make the same bytes of them again. */
function setAside({ descriptor }: LayerToPush): Error {
  return fail(
    "data-loss",
    "image.layer-damaged",
    `the blob ${descriptor.digest} of a layer was damaged on the disk, and set aside`,
    { hint: "pull, load or build the image again: virga pull IMAGE" },
  );
}
