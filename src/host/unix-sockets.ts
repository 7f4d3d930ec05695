import { readFileSync } from "node:fs";

interface UnixSocket {
  readonly listens: boolean;
  /** 0 until somebody has accepted it. */
  readonly inode: number;
  /** Empty when it has no name. */
  readonly path: string;
}

const acceptsConnections = "00010000"; // __SO_ACCEPTCON

/** Unix sockets of this network namespace (proc(5), /proc/net/unix). */
export function unixSockets(): UnixSocket[] {
  const [, ...lines] = readFileSync("/proc/net/unix", "utf8").split("\n");
  return lines.filter(Boolean).map((line) => {
    const [, , , flags, , , inode, ...path] = line.trim().split(/\s+/);
    return { listens: flags === acceptsConnections, inode: Number(inode), path: path.join(" ") };
  });
}

/** Whether a client of a unix socket whose path ends like this waits to be accepted. */
export function hasUnaccepted(pathEnding: string): boolean {
  return unixSockets().some(({ path, inode }) => inode === 0 && path.endsWith(pathEnding));
}
