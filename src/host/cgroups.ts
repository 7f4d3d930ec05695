/** Which cgroup controllers this machine offers, and how. */
export interface CgroupFacts {
  /** 1 also for the hybrid layout, where the controllers are on v1. */
  readonly version: 1 | 2;
  /** v1 and v2 are both mounted. */
  readonly hybrid: boolean;
  /** Controller names: `cpu`, `cpuset`, `memory`, `pids`, `blkio` (v2's `io` too), `devices`, `freezer`, `hugetlb`. */
  readonly controllers: ReadonlySet<string>;
  /** Limits of memory and swap together can be set. */
  readonly swapAccounting: boolean;
}
