import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, symlinkSync, writeFileSync,
} from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createLayerFixture, failureOf, tarOf, type EntryDraft, type LayerFixture } from "./testing.ts";
import { TarParser } from "./tar/parser.ts";
import { toUtf8 } from "./tar/entry.ts";
import type { CreateOptions, ExtractOptions } from "./layer.ts";

let fixture: LayerFixture;
let root: string;
beforeEach(async () => {
  fixture = await createLayerFixture();
  root = fixture.at("root");
  mkdirSync(root);
});
afterEach(async () => await fixture[Symbol.asyncDispose]());

async function* pieces(bytes: Uint8Array, size = 700) {
  for (let start = 0; start < bytes.length; start += size) {
    yield await Promise.resolve(bytes.subarray(start, start + size));
  }
}

const extract = async (directory: string, drafts: EntryDraft[], options: ExtractOptions = {}) =>
  await fixture.archives.extract(pieces(tarOf(...drafts)), root, directory, options);

/** Names in the archive of `path`, with a file's content or a link's target. */
async function created(path: string, options: CreateOptions = {}): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let name = "";
  const parser = new TarParser({
    entry(entry) {
      name = toUtf8(entry.path);
      found[name] = entry.linkTarget === undefined ? "" : `-> ${toUtf8(entry.linkTarget)}`;
    },
    data: (bytes) => void (found[name] += Buffer.from(bytes).toString()),
    endEntry: () => undefined,
  });
  for await (const chunk of fixture.archives.create(root, path, options)) parser.push(chunk);
  parser.end(true);
  return found;
}

describe("extract", () => {
  test("plain, gzip and zstd, in small pieces", async () => {
    mkdirSync(join(root, "in"));
    const tar = tarOf({ path: "d/", mode: 0o750 }, { path: "d/f", content: "x".repeat(10_000), uid: 12 });
    for (const form of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
      const done = await fixture.archives.extract(pieces(form, 37), root, "/in");
      expect(done).toEqual({ entries: 2, bytes: 10_000, digests: {} });
      expect(statSync(join(root, "in/d/f"))).toMatchObject({ uid: 12, size: 10_000 });
    }
  });

  test("large files are hashed on their way, and told as they stand in the end", async () => {
    const big = "b".repeat(5000);
    const tar = tarOf(
      { path: "d/" },
      { path: "d/big", content: big },
      { path: "d/small", content: "s" },
      { path: "gone", content: "c".repeat(5000) },
      { path: "other", content: "e".repeat(5000) },
      { path: "gone", content: "short" },
    );
    const { digests } = await fixture.archives.extract(pieces(tar, 999), root, "/", { hashFrom: 5000 });
    const hash = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
    expect(digests).toEqual({ "/d/big": hash(big), "/other": hash("e".repeat(5000)) });
  });

  test("symlinks in the directory and in the tree lead where they lead inside of the root", async () => {
    mkdirSync(join(root, "run/data"), { recursive: true });
    mkdirSync(join(root, "var"));
    symlinkSync("/run", join(root, "var/run"));
    symlinkSync("../../../../../../run/data", join(root, "climbs"));
    await extract("/var/run/data", [{ path: "a" }]);
    await extract("climbs", [{ path: "b" }]);
    await extract("/", [{ path: "var/run/c" }]);
    expect(readdirSync(join(root, "run/data")).toSorted()).toEqual(["a", "b"]);
    expect(existsSync(join(root, "run/c"))).toBe(true);
  });

  test("a link that the archive brings may not lead it out of its directory", async () => {
    mkdirSync(join(root, "in"));
    mkdirSync(join(root, "etc"));
    const through = { path: "l/evil", content: "x" };
    for (const linkTarget of ["/etc", "../etc", "/"]) {
      const error = await failureOf(extract("in", [{ path: "l", type: "symlink", linkTarget }, through]));
      expect(error).toMatchObject({ kind: "invalid", code: "layer.escape" });
    }
    expect(await failureOf(extract("in", [{ path: "../etc/evil" }]))).toMatchObject({ code: "layer.escape" });
    expect(readdirSync(join(root, "etc"))).toEqual([]);
  });

  test("nothing outside of the root is touched when a whole path is a trap", async () => {
    symlinkSync(fixture.at("."), join(root, "trap"));
    const error = await failureOf(extract("trap", [{ path: "evil" }]));
    expect(error).toMatchObject({ kind: "not-found" });
    expect(existsSync(fixture.at("evil"))).toBe(false);
  });

  test("a directory that is missing is told, or made when asked for", async () => {
    const file = [{ path: "f" }];
    expect(await failureOf(extract("a/b", file))).toMatchObject({
      kind: "not-found",
      code: "archive.not-found",
    });
    await extract("a/b", file, { makeDirectories: true, owner: { uid: 7, gid: 8 } });
    expect(statSync(join(root, "a"))).toMatchObject({ uid: 7, gid: 8, mode: 0o40755 });
    expect(statSync(join(root, "a/b/f"))).toMatchObject({ uid: 7, gid: 8 });
    writeFileSync(join(root, "file"), "");
    expect(await failureOf(extract("file", file))).toMatchObject({ code: "archive.not-a-directory" });
  });

  test("a directory is not replaced by a file, nor the other way round, when that is not wanted", async () => {
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "f"), "");
    const strict = { noOverwriteDirNonDir: true };
    expect(await failureOf(extract("/", [{ path: "d" }], strict))).toMatchObject({
      code: "archive.overwrite",
    });
    expect(await failureOf(extract("/", [{ path: "f/" }], strict))).toMatchObject({
      code: "archive.overwrite",
    });
    await extract("/", [{ path: "d", content: "file" }, { path: "f/" }]);
    expect(readFileSync(join(root, "d"), "utf8")).toBe("file");
    expect(lstatSync(join(root, "f")).isDirectory()).toBe(true);
  });

  test("names that are whiteouts in a layer are files here", async () => {
    await extract("/", [{ path: ".wh.x", content: "plain" }]);
    expect(readFileSync(join(root, ".wh.x"), "utf8")).toBe("plain");
  });

  test("a source that fails, and one that never ends, end the work", async () => {
    async function* broken() {
      yield await Promise.resolve(tarOf({ path: "f", content: "x".repeat(5000) }).subarray(0, 2000));
      throw new Error("connection lost");
    }
    expect(await failureOf(fixture.archives.extract(broken(), root, "/"))).toMatchObject({
      message: "connection lost",
    });
    let returned = false;
    async function* endless() {
      try {
        yield await Promise.resolve(tarOf({ path: "../x" }));
        for (;;) yield await Promise.resolve(new Uint8Array(1 << 20));
      } finally {
        returned = true;
      }
    }
    for (let round = 0; round < 5; round++) {
      const error = await failureOf(fixture.archives.extract(endless(), root, "/"));
      expect(error).toMatchObject({ code: "layer.escape" });
    }
    expect(returned).toBe(true);
  });
});

describe("create", () => {
  beforeEach(() => {
    mkdirSync(join(root, "d/sub"), { recursive: true });
    writeFileSync(join(root, "d/b"), "bb");
    writeFileSync(join(root, "d/sub/a"), "aa");
    writeFileSync(join(root, "d/é"), "e");
    symlinkSync("/d", join(root, "link"));
    symlinkSync("nowhere", join(root, "d/dangling"));
  });

  const whole = {
    "d/": "",
    "d/b": "bb",
    "d/dangling": "-> nowhere",
    "d/sub/": "",
    "d/sub/a": "aa",
    "d/é": "e",
  };

  test("a directory, its content, a file, a file through a symlink, a symlink", async () => {
    expect(await created("/d")).toEqual(whole);
    expect(Object.keys(await created("d/."))).toEqual(["b", "dangling", "sub/", "sub/a", "é"]);
    expect(await created("/d/b", { name: "renamed" })).toEqual({ renamed: "bb" });
    expect(await created("/link/sub/a")).toEqual({ a: "aa" });
    expect(await created("/link")).toEqual({ link: "-> /d" });
    expect(await created("/link/")).toEqual(whole);
    expect(await created("/d/sub/..", { name: "d" })).toEqual(whole);
    expect(Object.keys(await created("/."))).toHaveLength(7);
  });

  test("leaves out what is excluded, with all below it", async () => {
    const asked: string[] = [];
    const exclude = (path: string) => {
      asked.push(path);
      return path === "sub" || path === "é";
    };
    expect(await created("/d/.", { exclude })).toEqual({ b: "bb", dangling: "-> nowhere" });
    expect(asked).toEqual(["b", "dangling", "sub", "é"]);
  });

  test("what is not there is told", async () => {
    for (const path of ["/none", "/d/none/x", "/d/dangling/x"]) {
      expect(await failureOf(created(path))).toMatchObject({ kind: "not-found", code: "archive.not-found" });
    }
  });

  test("reads no further than its reader, and stops with it", async () => {
    writeFileSync(join(root, "big"), new Uint8Array(20 << 20));
    const reader = fixture.archives.create(root, "/big").getReader();
    const first = await reader.read();
    expect(first.value!.length).toBeGreaterThan(0);
    await reader.cancel();
    expect(await created("/d/b")).toEqual({ b: "bb" });
  });

  test("a small one is let go of when its last part is there: nothing fails for nobody to hear", async () => {
    writeFileSync(join(root, "small"), "x");
    const unheard: unknown[] = [];
    const onUnheard = (error: unknown) => void unheard.push(error);
    process.on("unhandledRejection", onUnheard);
    for (let turn = 0; turn < 5; turn++) {
      const reader = fixture.archives.create(root, "small").getReader();
      await reader.read();
      await reader.cancel();
    }
    // The worker of another archive ends after theirs.
    await created("small");
    process.off("unhandledRejection", onUnheard);
    expect(unheard).toEqual([]);
  });

  test("several at once, also one into another", async () => {
    mkdirSync(join(root, "copy"));
    writeFileSync(join(root, "d/big"), crypto.getRandomValues(new Uint8Array(3 << 20)));
    const copies = ["x", "y", "z"].map(async (name) => {
      mkdirSync(join(root, "copy", name));
      return await fixture.archives.extract(fixture.archives.create(root, "/d"), root, `/copy/${name}`);
    });
    expect(new Set((await Promise.all(copies)).map((one) => one.entries))).toEqual(new Set([7]));
    expect(readFileSync(join(root, "copy/z/d/big")).equals(readFileSync(join(root, "d/big")))).toBe(true);
    expect(readlinkSync(join(root, "copy/x/d/dangling"))).toBe("nowhere");
  });
});
