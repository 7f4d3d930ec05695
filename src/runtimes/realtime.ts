import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../base/index.ts";
import { cgroupFolder, readText, type CgroupFacts } from "../host/index.ts";
import type { OciConfig } from "./runtime.ts";

/** Microseconds of real-time scheduling in each period. */
interface Share {
  readonly runtime: number;
  readonly period: number;
}

const defaultPeriod = 1_000_000;

/**
 * A cgroup (v1) can have real-time shares only out of those of the cgroup above it, and a new one has none. So those
 * above the task's own get what it needs, and give it back with `releaseRealtime`.
 */
export function reserveRealtime(facts: CgroupFacts, cgroup: string, config: OciConfig): void {
  const linux = config["linux"] as { resources?: { cpu?: Record<string, unknown> } } | undefined;
  const { realtimeRuntime, realtimePeriod } = linux?.resources?.cpu ?? {};
  if (typeof realtimeRuntime !== "number" || facts.version !== 1) return;
  const period = typeof realtimePeriod === "number" ? realtimePeriod : defaultPeriod;
  // From the top: each level needs its share before the one below can have it.
  for (const path of above(cgroup)) {
    const folder = cgroupFolder(facts, "cpu", path)!;
    mkdirSync(folder, { recursive: true });
    setShare(folder, sumBelow(folder) + realtimeRuntime / period);
  }
}

/** After the task's cgroup has gone, which the kernel counts for some milliseconds more. */
export async function releaseRealtime(facts: CgroupFacts, cgroup: string, clock: Clock): Promise<void> {
  if (facts.version !== 1) return;
  for (const path of above(cgroup).toReversed()) {
    const folder = cgroupFolder(facts, "cpu", path);
    if (folder === undefined || (shareOf(folder)?.runtime ?? 0) === 0) return;
    for (let attempt = 0; attempt < 100 && !setShare(folder, sumBelow(folder)); attempt++)
      await clock.sleep(5);
  }
}

/** Without the top and the cgroup itself. */
function above(cgroup: string): string[] {
  const parent = dirname(cgroup);
  return parent === "/" ? [] : [...above(parent), parent];
}

function shareOf(folder: string): Share | undefined {
  const [runtime, period] = ["cpu.rt_runtime_us", "cpu.rt_period_us"].map((name) =>
    readText(join(folder, name)),
  );
  return runtime === undefined || period === undefined
    ? undefined
    : { runtime: Number(runtime), period: Number(period) };
}

function sumBelow(folder: string): number {
  const children = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());
  return children
    .map(({ name }) => shareOf(join(folder, name)))
    .reduce((sum, share) => sum + (share === undefined ? 0 : share.runtime / share.period), 0);
}

/** False when the kernel refuses. When it has no more to give, the runtime's own write fails then, and says so. */
function setShare(folder: string, fraction: number): boolean {
  const { period = defaultPeriod } = shareOf(folder) ?? {};
  try {
    writeFileSync(join(folder, "cpu.rt_runtime_us"), String(Math.ceil(fraction * period)));
    return true;
  } catch {
    return false;
  }
}
