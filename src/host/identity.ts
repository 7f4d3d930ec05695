import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * Everything on the host that belongs to one daemon follows from its root, so that daemons with different roots run
 * side by side and each can find, and clean up, what is its own.
 *
 * ```text
 * ROOT/
 *   state.db                  SQLite: containers, images, networks, volumes, events
 *   content/                  blobs by digest
 *   layers/                   unpacked layers
 *   containers/ID/            bundle, overlay, log, /etc files of a container
 *   volumes/NAME/             data of a volume
 *   networks/                 DNS server configuration
 *   registry/uploads/         blobs that are being pushed
 *   builds/                   work in progress
 *   contexts/                 what clients of BuildKit's API have sent, so that they send changes only
 *   policy.json               which images may come here and run; only when an administrator has put it there
 *   run/                      docker.sock, virga.sock, pid file, runtime state, exit records
 *   log/daemon.log            the daemon's log
 * ```
 */
export interface DaemonIdentity {
  readonly root: string;
  /** Six hexadecimal digits of the root's path. */
  readonly tag: string;
  /** Name of the nftables table (family inet). */
  readonly nftTable: string;
  /** First letters of every network interface on the host; at most eight more follow. */
  readonly interfacePrefix: string;
  /** Parent of all containers' cgroups, from the top of each hierarchy. */
  readonly cgroupParent: string;
  /** A path below the root. */
  path(...parts: string[]): string;
}

/** `root` must be absolute and without symlinks (see realpath(3)). */
export function daemonIdentity(root: string): DaemonIdentity {
  const tag = createHash("sha256").update(root).digest("hex").slice(0, 6);
  return {
    root,
    tag,
    nftTable: `virga-${tag}`,
    interfacePrefix: `v${tag}`,
    cgroupParent: `/virga-${tag}`,
    path: (...parts) => join(root, ...parts),
  };
}
