import { existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * Kernel settings below /proc/sys, by path (`net/ipv4/ip_forward`). Those below `net` are those of the calling
 * thread's network namespace, which is why these functions are synchronous (see ThreadNamespaces.inNetwork).
 */
export function readSysctl(path: string): string | undefined {
  const file = `/proc/sys/${path}`;
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** Returns whether it changed anything. A setting that this kernel does not have is left alone. */
export function writeSysctl(path: string, value: string): boolean {
  const current = readSysctl(path);
  if (current === undefined || current === value) return false;
  writeFileSync(`/proc/sys/${path}`, value);
  return true;
}
