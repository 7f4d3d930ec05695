import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Resident and proportional memory, kB (proc_pid_smaps(5)). */
export interface Memory {
  readonly resident: number;
  readonly proportional: number;
}

/** Of processes, in sum. One that has ended counts nothing. */
export function memoryOf(pids: readonly number[]): Memory {
  let [resident, proportional] = [0, 0];
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`);
    resident += Number(/^Rss: +(\d+) kB$/m.exec(text)?.[1] ?? 0);
    proportional += Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0);
  }
  return { resident, proportional };
}

/** The process that listens on a unix socket, in whatever network namespace, with all below it. */
export function processesBehind(socketPath: string): number[] {
  const pids = allPids();
  const namespaces = new Map(pids.map((pid) => [link(`/proc/${pid}/ns/net`), pid]));
  const inodes = [...namespaces.values()].flatMap((pid) =>
    read(`/proc/${pid}/net/unix`)
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      // The fourth field is the flags, of which one says that it listens; the seventh is the inode.
      .filter((fields) => fields[7] === socketPath && fields[3] === "00010000")
      .map((fields) => `socket:[${fields[6]}]`),
  );
  const owner = pids.find((pid) => openFiles(pid).some((file) => inodes.includes(file)));
  return owner === undefined ? [] : withDescendants(owner);
}

/** Processes whose command line names one of the containers: monitors and shims. */
export function processesNaming(containerIds: readonly string[]): number[] {
  return allPids().filter((pid) => {
    const command = read(`/proc/${pid}/cmdline`);
    return containerIds.some((id) => command.includes(id));
  });
}

function withDescendants(pid: number): number[] {
  const children = Map.groupBy(allPids(), parentOf);
  const all = [pid];
  for (let at = 0; at < all.length; at++) all.push(...(children.get(all[at]!) ?? []));
  return all;
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
