import { readFileSync, statSync } from "node:fs";
import { fail } from "../../base/index.ts";
import type { HostMount } from "../container.ts";
import type { OciConfigInput } from "./input.ts";

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Docker's default size of /dev/shm. */
const defaultShmSize = 64 * 1024 * 1024;
const guarded = ["nosuid", "noexec", "nodev"];
/** Where Docker has its init, too. */
export const initTarget = "/sbin/docker-init";

export interface MountsResult {
  readonly mounts: readonly OciMount[];
  /** Of the container's `/`, so that mounts can propagate where a bind asks for it. */
  readonly rootfsPropagation?: "rslave" | "rshared";
}

/** All mounts of a container, those first that others lie in. */
export function buildMounts(
  input: Pick<OciConfigInput, "spec" | "mounts" | "etc" | "initPath" | "host" | "sharedMemory">,
): MountsResult {
  const asked = input.mounts.map(withPropagation);
  const own = asked.map((mount) => userMount(mount, input.host.kernel));
  const taken = new Set(own.map((mount) => mount.destination));
  const covered = (path: string) => taken.has(path) || (taken.has("/dev") && path.startsWith("/dev/"));
  const defaults = [...systemMounts(input), ...etcMounts(input.etc), ...initMount(input)];
  const mounts = [...defaults.filter((mount) => !covered(mount.destination)), ...own];
  return {
    mounts: mounts.toSorted((a, b) => depth(a.destination) - depth(b.destination)),
    ...propagationOf(asked),
  };
}

function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length;
}

function systemMounts({ spec, sharedMemory }: Pick<OciConfigInput, "spec" | "sharedMemory">): OciMount[] {
  const ipc = spec.namespaces?.ipc ?? "";
  const { privileged, writableCgroups = privileged, procOptions = [] } = spec.security ?? {};
  const access = privileged ? "rw" : "ro";
  const shm = ["nosuid", "noexec", "nodev", "mode=1777", `size=${spec.shmSize || defaultShmSize}`];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: [...guarded, ...procOptions] },
    {
      destination: "/dev", type: "tmpfs", source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts", type: "devpts", source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...guarded, access] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...guarded, writableCgroups ? "rw" : "ro"] },
    // The mount shows the queues of whatever IPC namespace the container is in, the host's too.
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded },
    ...(ipc === "host" ? [bind("/dev/shm", "/dev/shm", ["rbind", "rprivate"])] : []),
    ...(sharedMemory === undefined ? [] : [bind(sharedMemory, "/dev/shm", ["rbind", "rprivate"])]),
    ...(ipc === "host" || ipc === "none" || sharedMemory !== undefined
      ? []
      : [{ destination: "/dev/shm", type: "tmpfs", source: "shm", options: shm }]),
  ]; // prettier-ignore
}

function etcMounts(etc: OciConfigInput["etc"]): OciMount[] {
  const files = {
    "/etc/resolv.conf": etc.resolvConf,
    "/etc/hostname": etc.hostname,
    "/etc/hosts": etc.hosts,
  };
  return Object.entries(files).flatMap(([target, source]) =>
    source === undefined ? [] : [bind(source, target, ["rbind", "rprivate"])],
  );
}

function initMount({ spec, initPath }: Pick<OciConfigInput, "spec" | "initPath">): OciMount[] {
  if (!usesInit(spec)) return [];
  if (initPath === undefined) {
    throw fail("precondition", "container.no-init", "no init is installed", { hint: "install catatonit" });
  }
  return [bind(initPath, initTarget, ["bind", "ro", "rprivate"])];
}

/** An init is of use only as process 1. */
export function usesInit(spec: OciConfigInput["spec"]): boolean {
  const pid = spec.namespaces?.pid ?? "";
  return (spec.init ?? false) && (pid === "" || pid === "private");
}

function bind(source: string, destination: string, options: readonly string[]): OciMount {
  return { destination, type: "bind", source, options };
}

function userMount(mount: HostMount, kernel: { readonly major: number; readonly minor: number }): OciMount {
  if (mount.type === "tmpfs") {
    return {
      destination: mount.target,
      type: "tmpfs",
      source: "tmpfs",
      options: tmpfsOptions(mount.options),
    };
  }
  const recursive = mount.type === "volume" || mount.recursive;
  const propagation = mount.type === "bind" ? mount.propagation || "rprivate" : "rprivate";
  const readOnly = mount.readOnly ? ["ro", ...(recursive ? readOnlyBelow(mount, kernel) : [])] : [];
  // Alone there is nothing below to propagate, and crun takes the `r` of `rprivate` for one of the bind.
  const words = recursive
    ? ["rbind", ...readOnly, propagation]
    : ["bind", ...readOnly, propagation.replace(/^r/, "")];
  return bind(mount.source, mount.target, words);
}

/** Throws `precondition` / `mount.read-only-below` when that is asked for and the kernel cannot. */
function readOnlyBelow(
  mount: Exclude<HostMount, { type: "tmpfs" }>,
  kernel: { readonly major: number; readonly minor: number },
): readonly string[] {
  const below = mount.type === "bind" ? mount.readOnlyBelow : undefined;
  if (below === "no" || below === "unasked") return [];
  if (canSetRecursively(kernel, mount.source)) return ["rro"];
  if (below !== "force" || !isDirectory(mount.source)) return [];
  throw fail(
    "precondition",
    "mount.read-only-below",
    `rro is not supported: kernel version ${kernel.major}.${kernel.minor} is older than 5.12`,
    { hint: "leave bind-recursive=readonly out" },
  );
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * mount_setattr(2), by which mounts below a read-only bind become read-only too. A file has none below it, and crun
 * opens the target as a directory for it.
 */
function canSetRecursively(
  { major, minor }: { readonly major: number; readonly minor: number },
  source: string,
): boolean {
  const known = major > 5 || (major === 5 && minor >= 12);
  return known && isDirectory(source);
}

const opposites: Readonly<Record<string, string>> = { noexec: "exec", nosuid: "suid", nodev: "dev" };
const tmpfsWords = new Set(
  (
    "exec noexec suid nosuid dev nodev ro rw sync async dirsync atime noatime diratime nodiratime relatime " +
    "norelatime strictatime nostrictatime private rprivate shared rshared slave rslave"
  ).split(" "),
);
const tmpfsValues = new Set("size mode uid gid nr_inodes nr_blocks mpol huge".split(" "));

/** Docker's options under the user's. Throws `invalid` / `mount.tmpfs-invalid`. */
export function tmpfsOptions(given: readonly string[]): string[] {
  for (const option of given) {
    const [name, value] = option.split("=") as [string, string?];
    if (value === undefined ? tmpfsWords.has(name) : tmpfsValues.has(name) && value !== "") continue;
    throw fail("invalid", "mount.tmpfs-invalid", `Invalid tmpfs option "${option}"`);
  }
  return [...guarded.filter((one) => !given.includes(opposites[one]!) && !given.includes(one)), ...given];
}

/** Throws `invalid` / `mount.propagation-invalid` when the source's own mount does not propagate. */
function propagationOf(mounts: readonly HostMount[]): Pick<MountsResult, "rootfsPropagation"> {
  let result: MountsResult["rootfsPropagation"];
  for (const mount of mounts) {
    if (mount.type !== "bind" || !/^r?(shared|slave)$/.test(mount.propagation)) continue;
    const shared = mount.propagation.endsWith("shared");
    checkPropagates(mount.source, shared);
    if (shared) result = "rshared";
    else result ??= "rslave";
  }
  return result === undefined ? {} : { rootfsPropagation: result };
}

/** Where the host's mount does not propagate, one that was not asked to is private. */
function withPropagation(mount: HostMount): HostMount {
  if (mount.type !== "bind" || !mount.fallsBack || propagates(mount.source, false).does) return mount;
  return { ...mount, propagation: "rprivate" };
}

/** Whether the mount that a path lies in passes mounts on, and where that is. */
function propagates(
  source: string,
  needShared: boolean,
): { readonly does: boolean; readonly target: string } {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(Boolean);
  const inside = (target: string) => source === target || target === "/" || source.startsWith(`${target}/`);
  const mount = lines
    .map((line) => line.split(" - ")[0]!.split(" "))
    .filter((fields) => inside(fields[4]!))
    .toSorted((a, b) => a[4]!.length - b[4]!.length)
    .at(-1);
  const optional = mount?.slice(6) ?? [];
  const does = optional.some(
    (one) => one.startsWith("shared:") || (!needShared && one.startsWith("master:")),
  );
  return { does, target: mount?.[4] ?? "/" };
}

function checkPropagates(source: string, needShared: boolean): void {
  const { does, target } = propagates(source, needShared);
  if (does) return;
  const kind = needShared ? "shared" : "shared or slave";
  throw fail(
    "invalid",
    "mount.propagation-invalid",
    `path ${source} is mounted on ${target} but it is not a ${kind} mount`,
    { hint: `mount --make-rshared ${target}` },
  );
}
