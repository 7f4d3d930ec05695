import { closeSync, existsSync, openSync } from "node:fs";
import { errnoOf } from "../base/index.ts";
import { mount, mountFlags, namespaceFlags, setns, unshare } from "./libc.ts";

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
   * both versions; on a pure v1 or v2 host `work` simply runs. `work` must be synchronous. `hidden` names folders of
   * /proc that are to be seen empty, too.
   */
  withoutUnifiedCgroup<T>(work: () => Exclude<T, Promise<unknown>>, hidden?: readonly string[]): T;
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
    withoutUnifiedCgroup(work, hidden = []) {
      if (!hybrid && hidden.length === 0) return work();
      try {
        unshare(namespaceFlags.mount);
        if (hybrid) coverUnified();
        if (hidden.length > 0) mount("", "/proc", "", mountFlags.private);
        for (const path of hidden) mount("tmpfs", path, "tmpfs", mountFlags.readOnly, "size=4k,mode=755");
        return work();
      } finally {
        returnToMounts(hostMount);
      }
    },
  };
}

/**
 * Covers the mount instead of unmounting it: crun makes directories where it takes the hierarchy to be, which must
 * not stay behind on the host's own /sys/fs/cgroup. Made private first, so that the host does not see the cover.
 */
function coverUnified(): void {
  mount("", unifiedOfHybrid, "", mountFlags.private);
  mount("tmpfs", unifiedOfHybrid, "tmpfs", 0, "size=1m,mode=755");
}

/**
 * setns(2) to a mount namespace wants a filesystem context that no other thread shares. A thread that the JavaScript
 * engine starts from this one (a compiler thread, at any time) shares it, so it is unshared right before, and again
 * when such a thread came in between.
 */
function returnToMounts(fd: number): void {
  for (let attempt = 1; ; attempt++) {
    unshare(namespaceFlags.fs);
    try {
      setns(fd, namespaceFlags.mount);
      return;
    } catch (error) {
      if (errnoOf(error) !== "EINVAL" || attempt === 20) throw error;
    }
  }
}
