import { readFileSync } from "node:fs";
import { forgetPages } from "./libc.ts";

/** A mapping of a program's code that can be read again from its file: nothing in it was changed. */
export interface TextMapping {
  readonly start: number;
  readonly length: number;
}

/**
 * Lets go of the pages of this process's own code, some 45 MB of Bun, most of it needed once at the start. They stay in
 * the kernel's file cache and come back one fault at a time when they run again. Returns what was let go, in bytes.
 */
export function forgetProgramText(): number {
  const mappings = textMappings(readFileSync("/proc/self/smaps", "utf8"), process.execPath);
  for (const { start, length } of mappings) forgetPages(start, length);
  return mappings.reduce((sum, one) => sum + one.length, 0);
}

/** Of /proc/PID/smaps: executable mappings of the file at `path` without a page of the process's own. */
export function textMappings(smaps: string, path: string): TextMapping[] {
  return smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).flatMap((entry) => {
    const [, from, to, name] = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +(.*)/.exec(entry) ?? [];
    if (name !== path || /^Anonymous: +0 kB$/m.exec(entry) === null) return [];
    const [start, end] = [Number.parseInt(from!, 16), Number.parseInt(to!, 16)];
    return [{ start, length: end - start }];
  });
}
