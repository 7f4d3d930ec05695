import { existsSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CgroupFacts } from "../host/index.ts";
import type { TaskRecord, TaskRecords } from "./records.ts";

/**
 * A task whose cgroup lies below one of the administrator's (`--cgroup-parent`), not the daemon's: what has to be made
 * on the way there goes again with the last task that is in it; what was there before stays.
 */
export function cgroupToMake(facts: CgroupFacts, records: TaskRecords, cgroup: string): string | undefined {
  const parent = dirname(cgroup);
  const known = records
    .list()
    .find(({ madeCgroup }) => madeCgroup !== undefined && isWithin(madeCgroup, parent));
  if (known) return known.madeCgroup;
  return pathsTo(parent).find((path) => !facts.hierarchies.some((top) => existsSync(join(top, path))));
}

/** After the task's own cgroup is gone. One that other tasks are in stays. */
export function removeMadeCgroup(facts: CgroupFacts, record: TaskRecord): void {
  const { madeCgroup } = record;
  if (madeCgroup === undefined) return;
  const paths = pathsTo(dirname(record.cgroup)).filter((path) => isWithin(madeCgroup, path));
  for (const path of paths.toReversed()) for (const top of facts.hierarchies) tryRemove(join(top, path));
}

function isWithin(parent: string, path: string): boolean {
  return path === parent || path.startsWith(`${parent}/`);
}

/** `/a/b/c`: `/a`, `/a/b`, `/a/b/c`. */
function pathsTo(path: string): string[] {
  return path === "/" ? [] : [...pathsTo(dirname(path)), path];
}

function tryRemove(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Not there in this hierarchy, or not empty.
  }
}
