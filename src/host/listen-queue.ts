import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { listen } from "./libc.ts";
import { unixSockets } from "./unix-sockets.ts";

/**
 * Lets as many clients wait on the unix socket at `path`, on which this process listens, as the kernel allows. Bun asks
 * for 512; a client that comes beyond is turned away at once (EAGAIN), before it has said a word.
 */
export function lengthenListenQueue(path: string): void {
  const most = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
  for (const fd of listenersAt(path)) listen(fd, most);
}

function listenersAt(path: string): number[] {
  const inodes = unixSockets()
    .filter((socket) => socket.listens && socket.path === path)
    .map((socket) => `socket:[${socket.inode}]`);
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    const target = linkOf(`/proc/self/fd/${fd}`);
    return target !== undefined && inodes.includes(target) ? [Number(fd)] : [];
  });
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // the descriptor of the folder that is being read
  }
}
