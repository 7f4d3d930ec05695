import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { lchown } from "../../host/index.ts";
import type { BuildRun } from "../build-run.ts";
import { stepKey } from "../cache/step-key.ts";
import { resolveInRoot, RootedPathError } from "../context/root-path.ts";
import { dockerfileError, type SourcePlace } from "../dockerfile/dockerfile-error.ts";
import type { StageState } from "../evaluation/stage-state.ts";
import { parseOwner } from "../files/owner.ts";
import { carryOut } from "./commit-step.ts";

/** Makes the working directory when it is missing; it belongs to the USER of the stage. */
export async function workdirStep(
  run: BuildRun,
  state: StageState,
  place: SourcePlace,
  createdBy: string,
): Promise<void> {
  const path = state.process.WorkingDir ?? "/";
  const user = state.process.User ?? "";
  await carryOut(run, state, {
    key: stepKey(state.key, "workdir", [path, user]),
    createdBy,
    make: async (root) => {
      await Promise.resolve();
      makeFolder(root, path, place, user === "" ? undefined : parseOwner(place, user, root));
    },
  });
}

function makeFolder(
  root: string,
  path: string,
  place: SourcePlace,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): void {
  try {
    const { absolute, exists } = resolveInRoot(root, path);
    const stat = exists ? lstatSync(absolute) : undefined;
    if (stat?.isDirectory()) return;
    if (stat) throw new RootedPathError(`${path} is a file`);
    const missing: string[] = [];
    for (let here = absolute; !lstatSync(here, { throwIfNoEntry: false }); here = dirname(here))
      missing.unshift(here);
    for (const one of missing) {
      mkdirSync(one);
      chmodSync(one, 0o755);
      if (owner) lchown(one, owner.uid, owner.gid);
    }
  } catch (error) {
    if (!(error instanceof RootedPathError)) throw error;
    throw dockerfileError("dockerfile.workdir", place, error.message);
  }
}
