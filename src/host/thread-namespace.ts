import { closeSync, existsSync, openSync } from "node:fs";
import { namespaceFlags, setns, unmount, unshare } from "./libc.ts";

/**
 * Starts children in namespaces other than the daemon's own, without a helper process: the main thread steps into
 * the namespace, spawns (Bun's spawn is synchronous), and steps back before any other JavaScript runs. Other threads
 * never leave the host's namespaces: the thread unshares its filesystem context first, as setns(2) asks.
 */
export interface ThreadNamespaces {
  /** Runs `work` inside the network namespace at `path` (such as `/proc/PID/ns/net`). `work` must be synchronous. */
  inNetwork<T>(path: string, work: () => Exclude<T, Promise<unknown>>): T;
  /**
   * Runs `work` where the cgroup v2 mount of a hybrid host is out of sight. crun 1.8 refuses a host that mounts
   * both versions; on a pure v1 or v2 host `work` simply runs. `work` must be synchronous.
   */
  withoutUnifiedCgroup<T>(work: () => Exclude<T, Promise<unknown>>): T;
}

const unifiedOfHybrid = "/sys/fs/cgroup/unified";

/** Call once a process, before any child is spawned. */
export function createThreadNamespaces(): ThreadNamespaces {
  unshare(namespaceFlags.fs);
  const hostMount = openSync("/proc/thread-self/ns/mnt", "r");
  const hostNetwork = openSync("/proc/thread-self/ns/net", "r");
  const hybrid = existsSync(`${unifiedOfHybrid}/cgroup.procs`);
  return {
    inNetwork(path, work) {
      const target = openSync(path, "r");
      try {
        setns(target, namespaceFlags.network);
        return work();
      } finally {
        setns(hostNetwork, namespaceFlags.network);
        closeSync(target);
      }
    },
    withoutUnifiedCgroup(work) {
      if (!hybrid) return work();
      try {
        unshare(namespaceFlags.mount);
        unmount(unifiedOfHybrid, true);
        return work();
      } finally {
        setns(hostMount, namespaceFlags.mount);
      }
    },
  };
}
