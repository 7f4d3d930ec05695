import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { forgetProgramText, textMappings } from "./program-text.ts";

const smaps = `00200000-00900000 r--p 00000000 fe:00 77                         /usr/bin/bun
Rss:                7000 kB
Anonymous:             0 kB
00900000-05000000 r-xp 00700000 fe:00 77                         /usr/bin/bun
Rss:               41000 kB
Anonymous:             0 kB
05000000-05100000 r-xp 04e00000 fe:00 77                         /usr/bin/bun
Rss:                 100 kB
Anonymous:             8 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 78                 /usr/lib/libc.so.6
Anonymous:             0 kB
`;

test("only code of the program itself, in which nothing was changed", () => {
  expect(textMappings(smaps, "/usr/bin/bun")).toEqual([{ start: 0x900000, length: 0x4700000 }]);
  expect(textMappings(smaps, "/usr/bin/other")).toEqual([]);
});

test("the program goes on without its code in memory", () => {
  const resident = () =>
    Number(/^Rss: +(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))![1]) / 1024;
  const before = resident();
  expect(forgetProgramText()).toBeGreaterThan(10 * 1024 * 1024);
  expect(resident()).toBeLessThan(before - 10);
  expect(JSON.parse(JSON.stringify({ a: ["b"] }))).toEqual({ a: ["b"] });
});
