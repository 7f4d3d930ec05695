import { readFileSync } from "node:fs";

/**
 * Whether a client of a unix socket whose path ends like this waits to be accepted. Until then its other end has no
 * inode (proc(5), /proc/net/unix); sockets of other network namespaces are not seen.
 */
export function hasUnaccepted(pathEnding: string): boolean {
  return readFileSync("/proc/net/unix", "latin1")
    .split("\n")
    .some((line) => line.endsWith(pathEnding) && line.split(/\s+/)[6] === "0");
}
