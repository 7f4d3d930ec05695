import { join } from "node:path";
import type { BuildRun, BuildSource, WholeRun } from "./build-run.ts";
import { stepKey } from "./cache/step-key.ts";
import { openNamedContext } from "./context/context.ts";
import { ignoreNothing } from "./context/ignore.ts";
import { selectSources } from "./context/source-tree.ts";
import type { StageState } from "./evaluation/stage-state.ts";
import { contextFileTime } from "./epoch.ts";
import { copyInto } from "./files/copy-tree.ts";
import { digestSources } from "./files/source-digest.ts";
import { carryOut } from "./steps/commit-step.ts";

/** What COPY --from and RUN --mount=from take from the named context `name`. */
export async function contextSource(
  run: WholeRun | BuildRun,
  name: string,
  imageSource: (reference: string) => Promise<BuildSource>,
): Promise<BuildSource> {
  const context = run.request.contexts![name]!;
  if (context.kind === "image") return imageSource(context.reference);
  const folder = join(run.folder, `named-${run.next()}`);
  const { tree, digests } = await openNamedContext(
    run.services,
    run.request,
    name,
    context,
    folder,
    run.signal,
  );
  return { layers: undefined, tree: () => Promise.resolve(tree), digests };
}

/** A stage that is the named context: an image, or one layer with the files of a folder. */
export async function contextStage(
  run: BuildRun,
  name: string,
  fromImage: (reference: string) => Promise<StageState>,
  fromScratch: () => StageState,
): Promise<StageState> {
  const context = run.request.contexts![name]!;
  if (context.kind === "image") return await fromImage(context.reference);
  const source = await contextSource(run, name, () => Promise.reject(new Error("not an image")));
  const state = fromScratch();
  const all = { exclude: ignoreNothing, parents: false };
  const sources = await selectSources(await source.tree(), "/", all);
  const digest = await digestSources(sources, source.digests, false, run.signal);
  await carryOut(run, state, {
    key: stepKey(state.key, "context", [digest, run.sourceDateEpoch ?? null]),
    createdBy: `FROM the context ${name}`,
    make: (root) =>
      copyInto(root, "/", sources, {
        owner: { uid: 0, gid: 0 },
        mode: undefined,
        time: contextFileTime(run, state),
        signal: run.signal,
      }),
  });
  return state;
}
