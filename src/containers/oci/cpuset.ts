import { fail } from "../../base/index.ts";
import { readText } from "../../host/index.ts";

const online = {
  cpus: "/sys/devices/system/cpu/online",
  mems: "/sys/devices/system/node/has_memory",
} as const;

/**
 * A list such as `0-2,4`, when it is one and the machine has all of it. Throws `invalid` / `resources.invalid` in
 * Docker's words.
 */
export function checkCpuSet(list: string, kind: "cpus" | "mems"): string {
  const wanted = parseCpuSet(list);
  if (wanted === undefined) {
    throw fail("invalid", "resources.invalid", `Invalid value ${list} for cpuset ${kind}`, {
      hint: "write it like 0-2,4",
    });
  }
  const text = (readText(online[kind]) ?? "").trim();
  const available = parseCpuSet(text);
  if (available === undefined || wanted.isSubsetOf(available)) return list;
  const what = kind === "cpus" ? "CPUs" : "memory nodes";
  throw fail(
    "invalid",
    "resources.invalid",
    `Requested ${what} are not available - requested ${list}, available: ${text}`,
  );
}

/** The numbers of cpuset(7)'s list format; undefined when it isn't one. */
export function parseCpuSet(list: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of list.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (!match) return undefined;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}
