/**
 * Files of /proc and /sys that tell or change things of the whole host: hidden, or not to be written. The same as
 * Docker's, but for the thermal throttle counters of each CPU, which Docker hides since version 27.
 */
export const maskedPaths: readonly string[] = [
  "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
  "/sys/devices/virtual/powercap",
]; // prettier-ignore

export const readonlyPaths: readonly string[] = [
  "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
]; // prettier-ignore
