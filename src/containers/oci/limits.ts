import { join } from "node:path";
import { fail } from "../../base/index.ts";
import { readText } from "../../host/index.ts";
import type { HostFacts } from "./input.ts";

/** What the rules for limits need to know of the machine. */
export type LimitHost = Pick<HostFacts, "cgroup" | "cpus">;

export type Warn = (message: string) => void;

export function invalidLimit(message: string): Error {
  return fail("invalid", "resources.invalid", message);
}

/** Docker's words for a limit that the machine cannot keep. */
export function discarded(what: string, name: string): string {
  return `Your kernel does not support ${what} or the cgroup is not mounted. ${name} discarded.`;
}

/** Which cgroup version has a setting: v1 where its hierarchy has the file, v2 where it has the controller. */
export interface Setting {
  readonly controller: string;
  /** Its names on v1; one of them is enough. */
  readonly v1: readonly string[];
  /** It went away with cgroup v2. */
  readonly onlyV1?: true;
}

export function offers(cgroup: HostFacts["cgroup"], setting: Setting): boolean {
  if (!cgroup.controllers.has(setting.controller)) return false;
  if (cgroup.version === 2) return setting.onlyV1 === undefined;
  const folder = cgroup.mounts.get(setting.controller);
  return folder !== undefined && setting.v1.some((name) => readText(join(folder, name)) !== undefined);
}
