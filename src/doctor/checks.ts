import { readFileSync, readdirSync, statfsSync, existsSync, accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import { formatBytes } from "../base/index.ts";
import { failed, pass, warn, type CheckResult } from "./check.ts";
import { findProgram, requiredPackages } from "./packages.ts";

/** Looks at this machine without changing it; one result per check, in the order in which to mend them. */
export function examine(root: string): CheckResult[] {
  return [
    checkUser(),
    checkKernel(),
    checkCgroups(),
    checkNamespaces(),
    checkFilesystem("overlay", "stacking image layers"),
    ...requiredPackages.map(checkPackage),
    checkResourceLimit(),
    checkForwarding(),
    checkSpace(root),
    ...checkContent(root),
  ];
}

/** Blobs that the daemon at `root` found to be damaged. */
function checkContent(root: string): CheckResult[] {
  const directory = join(root, "content", "damaged");
  const damaged = existsSync(directory) ? readdirSync(directory).length : 0;
  if (damaged === 0) return [];
  const next = "virga registry check says what needs them; pull or push that again, and look at the disk";
  return [warn("content", `${damaged} blobs are damaged and were set aside`, next)];
}

function checkUser(): CheckResult {
  if (process.getuid?.() === 0) return pass("user", "running as root");
  return failed("user", "not root", "run it with sudo");
}

function checkKernel(): CheckResult {
  const release = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  if (major > 5 || (major === 5 && minor >= 10)) return pass("kernel", release);
  return failed(
    "kernel",
    `${release} is older than 5.10`,
    "use Debian 12 or newer, or Ubuntu 22.04 or newer",
  );
}

function checkCgroups(): CheckResult {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return pass("cgroups", "version 2");
  const missing = ["memory", "cpu", "pids", "devices", "freezer"].filter(
    (one) => !existsSync(`/sys/fs/cgroup/${one}`),
  );
  if (missing.length === 0) return pass("cgroups", "version 1");
  const next =
    "mount the cgroup filesystem (on Debian: boot with systemd, or mount cgroup2 on /sys/fs/cgroup)";
  return failed("cgroups", `controllers missing: ${missing.join(", ")}`, next);
}

function checkNamespaces(): CheckResult {
  const missing = ["mnt", "pid", "net", "ipc", "uts"].filter((one) => !existsSync(`/proc/self/ns/${one}`));
  if (missing.length === 0) return pass("namespaces", "mount, pid, network, ipc, uts");
  return failed("namespaces", `the kernel lacks: ${missing.join(", ")}`, "use a kernel of your distribution");
}

function checkFilesystem(name: string, purpose: string): CheckResult {
  const known = readFileSync("/proc/filesystems", "utf8").split(/\s+/).includes(name);
  if (known) return pass(name, `the kernel has it, for ${purpose}`);
  return warn(name, `not loaded; needed for ${purpose}`, `modprobe ${name}`);
}

function checkPackage(required: (typeof requiredPackages)[number]): CheckResult {
  const found = findProgram(required.programs);
  if (found) return pass(required.name, found);
  return failed(required.name, `missing: it ${required.purpose}`, `apt-get install ${required.name}`);
}

function checkResourceLimit(): CheckResult {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  if ((BigInt(`0x${effective}`) >> 24n) & 1n) return pass("limits", "may be raised (CAP_SYS_RESOURCE)");
  const next = "nothing, or run Virga with that capability";
  return warn(
    "limits",
    "CAP_SYS_RESOURCE is missing: a container's ulimits cannot exceed the daemon's own",
    next,
  );
}

function checkForwarding(): CheckResult {
  const name = "ip forwarding";
  if (readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1") return pass(name, "on");
  const writable = canWrite("/proc/sys/net/ipv4/ip_forward");
  if (writable) return pass(name, "off; the daemon turns it on when the first network needs it");
  return failed(name, "off, and it cannot be changed from here", "sysctl -w net.ipv4.ip_forward=1");
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function checkSpace(root: string): CheckResult {
  let existing = root;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free at ${root}`;
  if (free > 5e9) return pass("disk", detail);
  const next = "free some space (`virga doctor` again), or use --root DIR on a larger disk";
  return free > 1e9 ? warn("disk", detail, next) : failed("disk", detail, next);
}
