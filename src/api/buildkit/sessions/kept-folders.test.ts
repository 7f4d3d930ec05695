import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ManualClock } from "../../../base/index.ts";
import { folderRecords, pruneFolders } from "./folder-records.ts";
import { createKeptFolders } from "./kept-folders.ts";

let place = "";
const clock = new ManualClock(Date.UTC(2026, 0, 1));
beforeEach(() => (place = mkdtempSync("/tmp/virga-kept-")));
afterEach(() => rmSync(place, { recursive: true }));

test("a key gives the same folder again, to one build at a time", async () => {
  const folders = createKeptFolders(place, clock);
  const first = await folders.lend("k");
  writeFileSync(join(first.path, "a"), "12345");
  const other = await folders.lend("k");
  expect(other.path).not.toBe(first.path);
  expect(folders.list()).toEqual([]);
  await other[Symbol.asyncDispose]();
  expect(existsSync(other.path)).toBe(false);
  await first[Symbol.asyncDispose]();
  expect(await folderRecords(folders)).toMatchObject([{ type: "source.local", size: 5, inUse: false }]);
  const again = await folders.lend("k");
  expect(readdirSync(again.path)).toEqual(["a"]);
  expect(await pruneFolders(folders, () => true)).toEqual({ removed: [], freed: 0 });
  await again[Symbol.asyncDispose]();
  expect(await pruneFolders(folders, (one) => one.size > 5)).toEqual({ removed: [], freed: 0 });
  expect(await pruneFolders(folders, () => true)).toMatchObject({ freed: 5 });
  expect(readdirSync(place)).toEqual([]);
});

test("a start takes away what was cut, and what nobody used for a week", async () => {
  const folders = createKeptFolders(place, clock);
  const [kept, cut] = [await folders.lend("k"), await folders.lend("")];
  await kept[Symbol.asyncDispose]();
  expect(existsSync(cut.path)).toBe(true);
  const next = createKeptFolders(place, clock);
  await next.sweep();
  expect(readdirSync(place)).toHaveLength(1);
  await clock.advance(8 * 24 * 3600 * 1000);
  await (await next.lend("other"))[Symbol.asyncDispose]();
  expect(next.list()).toHaveLength(1);
  await clock.advance(8 * 24 * 3600 * 1000);
  await next.sweep();
  expect(readdirSync(place)).toEqual([]);
});
