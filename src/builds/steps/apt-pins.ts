import { chmodSync, lstatSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HostMount } from "../../containers/index.ts";
import type { BuildRun } from "../build-run.ts";

const target = "/etc/apt/preferences.d/virga-lock";

/** Where a step has something mounted that asks apt for the versions of the lock file. */
export function pinTargets(run: BuildRun): readonly string[] {
  return run.installs?.preferences(run.step) === undefined ? [] : [target];
}

/** Asks apt for the versions of the lock file; when a mirror has them no more, the look after the step says so. */
export function aptPins(run: BuildRun, root: string, folder: string): readonly HostMount[] {
  const preferences = run.installs?.preferences(run.step);
  const there = lstatSync(join(root, dirname(target)), { throwIfNoEntry: false });
  if (preferences === undefined || !there?.isDirectory()) return [];
  const source = join(folder, "apt-preferences");
  writeFileSync(source, preferences);
  chmodSync(source, 0o644);
  return [{ type: "bind", source, target, readOnly: true, propagation: "rprivate", recursive: false }];
}
