import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { failure } from "../testing.ts";
import type { Stat } from "../wire/files.ts";
import { goModeOf, permissionsOfGoMode, typeOfGoMode } from "./go-mode.ts";
import { ReceivedTree } from "./received-tree.ts";

let root = "";
beforeEach(() => (root = mkdtempSync("/tmp/virga-received-")));
afterEach(() => rmSync(root, { recursive: true }));

const time = 1_700_000_000_123_456_789n;
const entry = (path: string, mode: number, more: Partial<Stat> = {}): Stat => ({
  path, mode: goModeOf(mode), uid: 0, gid: 0, size: 0, modTime: time, linkname: "", devmajor: 0, devminor: 0, xattrs: {},
  ...more,
}); // prettier-ignore
const folder = (path: string) => entry(path, 0o040755);
const file = (path: string, size: number, more: Partial<Stat> = {}) =>
  entry(path, 0o100644, { size, ...more });

async function receive(entries: readonly [Stat, string?][]): Promise<string[]> {
  const tree = new ReceivedTree(root);
  const asked: string[] = [];
  for (const [stat, content = ""] of entries) {
    if (!tree.add(stat)) continue;
    asked.push(stat.path);
    const writer = tree.write(stat);
    for (let at = 0; at < content.length; at += 100_000)
      await writer.write(Buffer.from(content.slice(at, at + 100_000)));
    await writer.end();
  }
  tree.finish();
  return asked;
}

test("files, folders and links, with modes and times; then only what has changed is asked for", async () => {
  const large = "0123456789".repeat(100_000);
  const entries: [Stat, string?][] = [
    [file("a", 1), "a"],
    [entry("b", 0o106751, { size: 2 }), "bb"],
    [entry("c", 0o120777, { linkname: "../x" })],
    [folder("d")],
    [file("d/e", 1_000_000), large],
    [file("d/f", 1_000_000, { linkname: "d/e" })],
    [entry("d/p", 0o010600)],
    [entry("d/s", 0o140600)],
  ];
  expect(await receive(entries)).toEqual(["a", "b", "d/e"]);
  expect(readdirSync(root, { recursive: true }).map(String).toSorted()).toEqual([
    "a",
    "b",
    "c",
    "d",
    "d/e",
    "d/f",
    "d/p",
  ]);
  expect(statSync(join(root, "b")).mode & 0o7777).toBe(0o6751);
  expect(readlinkSync(join(root, "c"))).toBe("../x");
  expect(readFileSync(join(root, "d/f"), "utf8")).toBe(large);
  expect(lstatSync(join(root, "d/e"), { bigint: true })).toMatchObject({ nlink: 2n, mtimeNs: time });
  expect(lstatSync(join(root, "d"), { bigint: true }).mtimeNs).toBe(time);
  expect(lstatSync(join(root, "d/p")).isFIFO()).toBe(true);

  const inode = statSync(join(root, "a")).ino;
  expect(await receive([...entries.slice(0, 1), [file("b", 3), "bbb"], [file("d", 1), "d"]])).toEqual([
    "b",
    "d",
  ]);
  expect(readdirSync(root).toSorted()).toEqual(["a", "b", "d"]);
  expect(statSync(join(root, "a")).ino).toBe(inode);
});

test("the same size at another time, or another mode, is another file", async () => {
  await receive([[file("a", 1), "1"]]);
  expect(await receive([[file("a", 1, { modTime: time + 1n }), "2"]])).toEqual(["a"]);
  expect(await receive([[entry("a", 0o100600, { size: 1, modTime: time + 1n }), "2"]])).toEqual(["a"]);
  expect(readFileSync(join(root, "a"), "utf8")).toBe("2");
});

test("nothing is written outside, or through a link", async () => {
  for (const path of ["/a", "../a", "a/../../b", "", "a//b", ".", "a\0b"]) {
    expect(await failure(receive([[file(path, 1), "x"]]))).toMatchObject({
      message: expect.stringContaining("no path inside"),
    });
  }
  expect(
    await failure(receive([[entry("l", 0o120777, { linkname: "/tmp" })], [file("l/x", 1), "x"]])),
  ).toMatchObject({ message: expect.stringContaining("not described") });
  expect(await failure(receive([[file("l", 1, { linkname: "../../etc/passwd" })]]))).toMatchObject({
    message: expect.stringContaining("no path inside"),
  });
  expect(await failure(receive([[file("l", 1, { linkname: "other" })]]))).toMatchObject({
    message: expect.stringContaining("not described"),
  });
  // What an earlier transfer left may be a link where a folder is now.
  mkdirSync(join(root, "target"));
  symlinkSync(join(root, "target"), join(root, "d"));
  await receive([[folder("d")], [file("d/x", 1), "x"]]);
  expect(lstatSync(join(root, "d")).isDirectory()).toBe(true);
  expect(existsSync(join(root, "target"))).toBe(false);
});

test("half a file is no file", async () => {
  writeFileSync(join(root, "a"), "before");
  const tree = new ReceivedTree(root);
  const stat = file("b", 500_000);
  expect(tree.add(stat)).toBe(true);
  const writer = tree.write(stat);
  await writer.write(Buffer.alloc(400_000));
  await writer.drop();
  expect(readdirSync(root)).toEqual(["a"]);
});

test("Go's modes", () => {
  for (const mode of [
    0o100644, 0o040755, 0o120777, 0o010600, 0o140600, 0o060660, 0o020620, 0o041777, 0o106755,
  ]) {
    expect(permissionsOfGoMode(goModeOf(mode))).toBe(mode & 0o7777);
  }
  expect(typeOfGoMode(0o20000000777)).toBe("directory");
  expect(typeOfGoMode(goModeOf(0o020620))).toBe("char-device");
});
