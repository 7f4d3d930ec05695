import { join } from "node:path";
import { fail } from "../base/index.ts";
import type { BuildRun, BuildSource } from "./build-run.ts";
import { createFileDigests } from "./context/file-digests.ts";
import { ignoreNothing } from "./context/ignore.ts";
import type { SourceTree } from "./context/source-tree.ts";
import type { StageState } from "./evaluation/stage-state.ts";

/** Something to copy from whose layers are known; it is mounted read-only when files are asked for, once. */
export function createSource(
  run: Pick<BuildRun, "services" | "folder" | "undo" | "next" | "fetchLayers">,
  label: string,
  state: StageState,
): BuildSource {
  let mounted: Promise<SourceTree> | undefined;
  const mount = async (): Promise<SourceTree> => {
    const { layers } = run.services;
    if (state.layers.length === 0) {
      throw fail("invalid", "build.source-empty", `${label} has no files to copy from`);
    }
    const directory = join(run.folder, `from-${run.next()}`);
    run.undo.defer(() => layers.unmount(directory));
    const diffIds = state.layers.map((layer) => layer.diffId);
    await run.fetchLayers(diffIds);
    const root = await layers.mount({ layers: diffIds, directory, readOnly: true });
    return { label, root, ignore: ignoreNothing, keepOwner: true };
  };
  const digests = createFileDigests(run.services.clock, undefined);
  return {
    layers: state.layers.map((layer) => layer.diffId),
    tree: () => (mounted ??= mount()),
    digests,
  };
}
