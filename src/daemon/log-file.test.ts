import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChecked } from "../host/index.ts";
import { openLogFile } from "./log-file.ts";

test("lines that a full disk does not take are counted, not thrown", async () => {
  const disk = mkdtempSync("/tmp/virga-log-");
  await runChecked(["mount", "-t", "tmpfs", "-o", "size=64k", "virga-test", disk]);
  try {
    const path = join(disk, "daemon.log");
    using file = openLogFile(path);
    file.write("first\n");
    const ballast = join(disk, "ballast");
    expect(() => writeFileSync(ballast, Buffer.alloc(1 << 20))).toThrow("ENOSPC");
    const long = `${"x".repeat(4000)}\n`;
    for (let line = 0; line < 3; line++) file.write(long);
    rmSync(ballast);
    file.write("last\n");
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines[0]).toBe("first");
    expect(lines.slice(-3)).toEqual([expect.stringContaining('"log lines were lost","lines":'), "last", ""]);
  } finally {
    await runChecked(["umount", disk]);
    rmSync(disk, { recursive: true });
  }
});

test("a file that has grown is put aside", () => {
  const folder = mkdtempSync("/tmp/virga-log-");
  const path = join(folder, "daemon.log");
  writeFileSync(path, Buffer.alloc(11 << 20, "x"));
  using file = openLogFile(path);
  file.write("new\n");
  expect(readFileSync(path, "utf8")).toBe("new\n");
  expect(readFileSync(`${path}.1`)).toHaveLength(11 << 20);
  rmSync(folder, { recursive: true });
});
