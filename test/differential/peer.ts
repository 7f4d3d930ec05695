import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { mountsBelow } from "../support/daemon.ts";

/** Debian's dockerd, in namespaces of its own. */
export interface Peer {
  readonly socket: string;
  readonly root: string;
  /** Ends it with all its containers, and removes its cgroups and its root. */
  stop(): Promise<void>;
}

/**
 * The script that runs before dockerd: in a network of its own its bridge and packet filter are not the host's, in an
 * empty /run and /var/lib it finds nothing of another dockerd; both go with its first process.
 */
const enter = `
set -eu
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
for folder in /run /var/lib /var/cache /dev/shm; do mount -t tmpfs tmpfs "$folder"; done
exec "$@"`;

export async function startDockerd(): Promise<Peer> {
  const root = mkdtempSync("/tmp/virga-peer-");
  const socket = join(root, "docker.sock");
  const cgroup = basename(root);
  const child = Bun.spawn(
    [
      ...["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["bash", "-c", enter, "bash", "dockerd", "--data-root", join(root, "data")],
      ...["--exec-root", join(root, "run"), "--pidfile", join(root, "pid"), "--cgroup-parent", `/${cgroup}`],
      ...["--host", `unix://${socket}`],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(root, "log")) },
  );
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
    await removeCgroups(cgroup);
    rmSync(root, { recursive: true, force: true });
    const mounts = mountsBelow(root);
    if (mounts.length > 0) throw new Error(`dockerd left mounts:\n${mounts.join("\n")}`);
  };
  for (let turn = 0; turn < 300; turn++) {
    if (child.exitCode !== null) break;
    if (existsSync(socket) && (await answers(socket))) return { socket, root, stop };
    await Bun.sleep(100);
  }
  const log = readFileSync(join(root, "log"), "utf8").slice(-3000);
  await stop();
  throw new Error(`dockerd does not answer:\n${log}`);
}

async function answers(socket: string): Promise<boolean> {
  try {
    return (await fetch("http://localhost/_ping", { unix: socket })).ok;
  } catch {
    return false;
  }
}

/** Cgroups are the one thing that namespaces do not take away; a process that has just ended holds its own for a moment. */
async function removeCgroups(name: string): Promise<void> {
  const tops = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((one) => join("/sys/fs/cgroup", one))];
  const mine = () => tops.map((top) => join(top, name)).filter((path) => existsSync(path));
  for (let turn = 0; turn < 100 && mine().length > 0; turn++) {
    for (const path of mine()) removeEmpty(path);
    await Bun.sleep(20);
  }
}

function removeEmpty(path: string): void {
  for (const one of readdirSync(path, { withFileTypes: true })) {
    if (one.isDirectory()) removeEmpty(join(path, one.name));
  }
  try {
    rmdirSync(path);
  } catch (error) {
    if (!["EBUSY", "ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
