import { readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { errnoOf, fail, type Clock } from "../base/index.ts";

/**
 * Which cgroup controllers this machine offers, and where. A cgroup's path counts from the top of each hierarchy:
 *
 * ```text
 * version 2   /sys/fs/cgroup/PARENT/ID/{cgroup.procs, memory.current, cpu.stat, …}
 * version 1   /sys/fs/cgroup/{memory,cpu,pids,…}/PARENT/ID/…
 * ```
 */
export interface CgroupFacts {
  /** 1 also for the hybrid layout, where the controllers are on v1. */
  readonly version: 1 | 2;
  /** v1 and v2 are both mounted. */
  readonly hybrid: boolean;
  /** Controller names: `cpu`, `cpuset`, `memory`, `pids`, `blkio` (v2's `io` too), `devices`, `freezer`, `hugetlb`. */
  readonly controllers: ReadonlySet<string>;
  /** Limits of memory and swap together can be set. */
  readonly swapAccounting: boolean;
  /** Shares of disk time can be set. */
  readonly ioWeight: boolean;
  /** Mount point of the hierarchy that has the controller; on v2 the same for all. */
  readonly mounts: ReadonlyMap<string, string>;
  /** Every hierarchy that a process is in, named ones (`name=systemd`) included. */
  readonly hierarchies: readonly string[];
}

/** Reads the facts of this machine. Throws `precondition` / `host.no-cgroups` when no cgroups are mounted. */
export function readCgroupFacts(mountInfo = readFileSync("/proc/self/mountinfo", "utf8")): CgroupFacts {
  const [v1, v2] = [new Map<string, string>(), [] as string[]];
  const named: string[] = [];
  for (const line of mountInfo.split("\n")) {
    const [left, right] = line.split(" - ");
    if (right === undefined) continue;
    const target = left!.split(" ")[4]!;
    const [type, , options] = right.split(" ");
    if (type === "cgroup2") v2.push(target);
    if (type !== "cgroup") continue;
    const names = options!.split(",").filter((one) => v1Controllers.has(one));
    for (const name of names) v1.set(name, target);
    if (names.length === 0) named.push(target);
  }
  if (v1.has("memory") || v1.has("pids") || v1.has("cpu")) {
    return {
      version: 1,
      hybrid: v2.length > 0,
      controllers: new Set(v1.keys()),
      swapAccounting: exists(join(v1.get("memory") ?? "/nonexistent", "memory.memsw.limit_in_bytes")),
      ioWeight: ["blkio.weight", "blkio.bfq.weight"].some((name) =>
        exists(join(v1.get("blkio") ?? "/nonexistent", name)),
      ),
      mounts: v1,
      hierarchies: [...new Set([...v1.values(), ...named])],
    };
  }
  const top = v2[0];
  if (top === undefined) {
    throw fail("precondition", "host.no-cgroups", "no cgroup filesystem is mounted", {
      hint: "mount -t cgroup2 none /sys/fs/cgroup",
    });
  }
  return factsOfV2(top);
}

const v1Controllers = new Set(
  "cpu cpuacct cpuset memory pids blkio devices freezer hugetlb net_cls net_prio perf_event rdma".split(" "),
);

function factsOfV2(top: string): CgroupFacts {
  const names = (readText(join(top, "cgroup.controllers")) ?? "").trim().split(" ").filter(Boolean);
  // Freezing, device rules and CPU time accounting need no controller on v2.
  const controllers = new Set([...names, "freezer", "devices", "cpuacct"]);
  if (controllers.has("io")) controllers.add("blkio");
  return {
    version: 2,
    hybrid: false,
    controllers,
    swapAccounting: names.includes("memory") && exists("/proc/swaps"),
    ioWeight: names.includes("io"),
    mounts: new Map([...controllers].map((name) => [name, top])),
    hierarchies: [top],
  };
}

/** The folder of a cgroup in the hierarchy of `controller`; undefined when there is no such controller. */
export function cgroupFolder(facts: CgroupFacts, controller: string, path: string): string | undefined {
  const mount = facts.mounts.get(controller);
  return mount === undefined ? undefined : join(mount, path);
}

/** Pids of all processes in a cgroup and below it, as the reader sees them; empty when it does not exist. */
export function cgroupProcesses(facts: CgroupFacts, path: string): number[] {
  const pids = new Set<number>();
  const any = ["pids", "memory", "cpu", "freezer"].find((name) => facts.mounts.has(name))!;
  forEachBelow(cgroupFolder(facts, any, path)!, (folder) => {
    for (const line of (readText(join(folder, "cgroup.procs")) ?? "").split("\n")) {
      if (line !== "" && line !== "0") pids.add(Number(line));
    }
  });
  return [...pids].toSorted((a, b) => a - b);
}

/**
 * Removes a daemon's cgroup (DaemonIdentity.cgroupParent), or one below it, with those below that, from every
 * hierarchy; what is not there is no error. A process that has just
 * ended holds its cgroup for a moment, so a busy one is tried again for a second. Throws `conflict` /
 * `cgroup.busy` while a process is in it.
 */
export async function removeCgroup(facts: CgroupFacts, path: string, clock: Clock): Promise<void> {
  // Only what a daemon has named (its own, and those of containers), and no path that leads out of it: other cgroups
  // of the machine are not ours.
  if (
    !/^\/virga-[a-z0-9-]+(\/|$)|\/[0-9a-f]{64}$/.test(path) ||
    normalize(path) !== path ||
    path.endsWith("/")
  ) {
    throw fail("internal", "cgroup.unsafe-path", `refusing to remove the cgroup '${path}'`);
  }
  for (let attempt = 0; ; attempt++) {
    const busy = facts.hierarchies.filter((top) => !tryRemove(join(top, path)));
    if (busy.length === 0) return;
    if (attempt === 100) {
      throw fail("conflict", "cgroup.busy", `the cgroup ${join(busy[0]!, path)} still has processes`, {
        hint: `see them with: cat ${join(busy[0]!, path)}/cgroup.procs`,
      });
    }
    await clock.sleep(10);
  }
}

function tryRemove(folder: string): boolean {
  let removed = true;
  forEachBelow(folder, (one) => {
    try {
      rmdirSync(one);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") removed = false;
    }
  });
  return removed;
}

/** Children first, then the folder itself. */
function forEachBelow(folder: string, visit: (folder: string) => void): void {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return; // it is not there, or went away meanwhile
  }
  for (const entry of entries) if (entry.isDirectory()) forEachBelow(join(folder, entry.name), visit);
  visit(folder);
}

/** True when the cgroup's processes are frozen (`docker pause`). */
export function isFrozen(facts: CgroupFacts, path: string): boolean {
  const folder = cgroupFolder(facts, "freezer", path);
  if (folder === undefined) return false;
  if (facts.version === 1) return /^(FROZEN|FREEZING)/.test(readText(join(folder, "freezer.state")) ?? "");
  return /^frozen 1$/m.test(readText(join(folder, "cgroup.events")) ?? "");
}

/** Holds all processes of the cgroup. Throws `precondition` / `cgroup.no-freezer`. */
export function freeze(facts: CgroupFacts, path: string): void {
  const folder = cgroupFolder(facts, "freezer", path);
  if (folder === undefined) throw fail("precondition", "cgroup.no-freezer", "there is no cgroup freezer");
  const [name, value] = facts.version === 1 ? ["freezer.state", "FROZEN"] : ["cgroup.freeze", "1"];
  writeFileSync(join(folder, name), value);
}

/** Lets frozen processes go on; a frozen process does not even take SIGKILL on v1. Does nothing when there are none. */
export function thaw(facts: CgroupFacts, path: string): void {
  const folder = cgroupFolder(facts, "freezer", path);
  if (folder === undefined || !isFrozen(facts, path)) return;
  const [name, value] = facts.version === 1 ? ["freezer.state", "THAWED"] : ["cgroup.freeze", "0"];
  writeFileSync(join(folder, name), value);
}

/** How many processes of the cgroup the kernel has killed for want of memory. */
export function oomKills(facts: CgroupFacts, path: string): number {
  const folder = cgroupFolder(facts, "memory", path);
  if (folder === undefined) return 0;
  const text = readText(join(folder, facts.version === 1 ? "memory.oom_control" : "memory.events"));
  return Number(/^oom_kill (\d+)$/m.exec(text ?? "")?.[1] ?? 0);
}

/**
 * Moves the calling process to the cgroup it is in already, which changes nothing but the kernel's state of mind: to
 * move a process it waits for an RCU grace period (8 ms measured on 2 cores), unless another move has just done so
 * (within 15 ms). Called while other work goes on, it makes the OCI runtime's move free. Never throws.
 */
export async function warmUpCgroupMoves(facts: CgroupFacts): Promise<void> {
  const line = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .find(facts.version === 1 ? isPids : Boolean);
  const own = line?.split(":").slice(2).join(":");
  const folder = own === undefined ? undefined : cgroupFolder(facts, "pids", own);
  if (folder === undefined) return;
  await writeFile(join(folder, "cgroup.procs"), String(process.pid)).catch(() => {});
}

function isPids(line: string): boolean {
  return line.split(":")[1]!.split(",").includes("pids");
}

function exists(path: string): boolean {
  return readText(path) !== undefined;
}

/** The file's text; undefined when it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
