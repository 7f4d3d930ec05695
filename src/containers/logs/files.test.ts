import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compressLog } from "./compression.ts";
import { findTail, openLogFiles } from "./files.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "virga-log-"))));
afterEach(() => rm(folder, { recursive: true }));

const line = (text: string, stream = "stdout", tag = "F") =>
  `2026-01-02T03:04:05.000000000+00:00 ${stream} ${tag} ${text}\n`;

/** The lines after the place that `findTail` finds. */
async function tail(count: number, streams = ["stdout", "stderr"]): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const files = await openLogFiles(join(folder, "log"), 3, stack);
  const { index, offset } = await findTail(files, count, (stream) => streams.includes(stream));
  const rest = await Promise.all(
    files
      .slice(index)
      .map(async (file, at) => (await file.handle.readFile()).subarray(at === 0 ? offset : 0)),
  );
  return Buffer.concat(rest)
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((one) => one.split(" ").slice(3).join(" "));
}

test("the end of a large file, over block borders", async () => {
  const all = Array.from({ length: 5000 }, (_, number) => `line ${number} ${"x".repeat(number % 90)}`);
  await Bun.write(join(folder, "log"), all.map((text) => line(text)).join(""));
  for (const count of [0, 1, 2, 700, 4999, 5000, 6000]) {
    expect(await tail(count)).toEqual(count === 0 ? [] : all.slice(-count));
  }
});

test("over rotated files, with the pieces of the first line", async () => {
  await Bun.write(join(folder, "log.2"), line("a") + line("b"));
  await Bun.write(join(folder, "log.1"), line("c1", "stdout", "P") + line("c2"));
  await Bun.write(join(folder, "log"), line("d"));
  expect(await tail(1)).toEqual(["d"]);
  expect(await tail(2)).toEqual(["c1", "c2", "d"]);
  expect(await tail(3)).toEqual(["b", "c1", "c2", "d"]);
  expect(await tail(9)).toEqual(["a", "b", "c1", "c2", "d"]);
});

test("rotated files that were compressed read as before, and leave nothing", async () => {
  await Bun.write(join(folder, "log.2"), line("a") + line("b"));
  await Bun.write(join(folder, "log.1"), line("c"));
  await Bun.write(join(folder, "log"), line("d"));
  await compressLog(join(folder, "log.2"));
  await compressLog(join(folder, "log.1"));
  expect(await tail(9)).toEqual(["a", "b", "c", "d"]);
  expect(await tail(3)).toEqual(["b", "c", "d"]);
  expect((await readdir(folder)).toSorted()).toEqual(["log", "log.1.gz", "log.2.gz"]);
});

test("only lines of the wanted stream count", async () => {
  await Bun.write(join(folder, "log"), line("o1") + line("o2") + line("e", "stderr") + line("e", "stderr"));
  expect(await tail(1, ["stdout"])).toEqual(["o2", "e", "e"]);
});

test("no log is an empty log", async () => {
  expect(await tail(5)).toEqual([]);
  await Bun.write(join(folder, "log"), "");
  expect(await tail(5)).toEqual([]);
});
