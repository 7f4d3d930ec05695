import { existsSync, readdirSync } from "node:fs";

/** Files of /proc and /sys that tell or change things of the whole host: hidden, or not to be written. As Docker's. */
const alwaysMasked: readonly string[] = [
  "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
  "/sys/devices/virtual/powercap",
]; // prettier-ignore

export const readonlyPaths: readonly string[] = [
  "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
]; // prettier-ignore

/** What a container does not see when nothing is said. */
export function maskedPaths(thermal: readonly string[] = thermalPaths()): readonly string[] {
  return [...alwaysMasked, ...thermal];
}

/** The thermal throttle counters of each CPU, where there are some: a way to watch what the host does. */
export function thermalPaths(folder = "/sys/devices/system/cpu"): readonly string[] {
  const of = (cpu: string) => `${folder}/${cpu}/thermal_throttle`;
  if (!existsSync(of("cpu0"))) return [];
  return readdirSync(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .map(of)
    .filter((path) => existsSync(path));
}
