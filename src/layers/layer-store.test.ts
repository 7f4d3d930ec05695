import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync,
} from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { getXattr, mount, setXattr } from "../host/index.ts";
import type { DiffId } from "./layer.ts";
import { createLayerFixture, failureOf, tarOf, type EntryDraft, type LayerFixture } from "./testing.ts";

let fixture: LayerFixture;
beforeEach(async () => void (fixture = await createLayerFixture()));
afterEach(async () => await fixture[Symbol.asyncDispose]());

const unpack = async (...drafts: EntryDraft[]) =>
  (await fixture.layers.unpack(await fixture.blob(tarOf(...drafts)))).diffId;
const leftovers = () => [
  ...readdirSync(fixture.at("layers/tmp")),
  ...readdirSync(fixture.at("layers/dirs")).filter((name) => name !== "none" && name !== "nil"),
  ...readdirSync(fixture.at("layers/sha256")),
];

describe("hostile archives are refused and leave nothing", () => {
  const file = { content: "evil" };
  const link = (path: string, linkTarget: string): EntryDraft => ({ path, type: "symlink", linkTarget });
  const cases: Record<string, EntryDraft[]> = {
    "dot-dot at the start": [{ path: "../evil", ...file }],
    "dot-dot in the middle": [{ path: "a/" }, { path: "a/../../evil", ...file }],
    "absolute path": [{ path: "/evil", ...file }],
    "absolute symlink to a directory, then through it": [link("a", "/tmp"), { path: "a/evil", ...file }],
    "relative symlink that climbs out": [{ path: "d/" }, link("d/a", "../.."), { path: "d/a/evil", ...file }],
    "symlink to a symlink that climbs out": [link("b", "/"), link("a", "b"), { path: "a/evil", ...file }],
    "directory through a symlink": [link("a", "/tmp"), { path: "a/sub/" }],
    "hard link to an absolute path": [{ path: "a", type: "hardlink", linkTarget: "/etc/passwd" }],
    "hard link that climbs out": [{ path: "a", type: "hardlink", linkTarget: "../../etc/passwd" }],
    "hard link through a symlink": [link("e", "/etc"), { path: "a", type: "hardlink", linkTarget: "e/passwd" }],
    "hard link to a symlink, then through it": [
      link("l", "/tmp"), { path: "h", type: "hardlink", linkTarget: "l" }, { path: "h/evil", ...file },
    ],
    "whiteout of nothing": [{ path: "a/.wh." }],
    "whiteout of .": [{ path: ".wh.." }],
    "whiteout of ..": [{ path: "a/.wh..." }],
    "whiteout through a symlink": [link("a", "/tmp"), { path: "a/.wh.x" }],
    "root replaced by a symlink": [link("./", "/tmp")],
  }; // prettier-ignore
  for (const [name, drafts] of Object.entries(cases)) {
    test(name, async () => {
      const error = await failureOf(unpack(...drafts));
      expect(error).toMatchObject({ kind: "invalid", code: "layer.escape" });
      expect(leftovers()).toEqual([]);
      expect(existsSync("/tmp/evil") || existsSync("/evil")).toBe(false);
    });
  }

  test("too many entries, too many bytes, both before they are written", async () => {
    const blob = await fixture.blob(tarOf({ path: "a", content: "x".repeat(100) }, { path: "b" }));
    for (const limits of [{ maxEntries: 1 }, { maxBytes: 99 }]) {
      expect(await failureOf(fixture.layers.unpack(blob, { limits }))).toMatchObject({
        kind: "exhausted",
        code: "layer.too-large",
      });
    }
    expect(leftovers()).toEqual([]);
  });

  test("a bomb of padding", async () => {
    const bomb = gzipSync(Buffer.concat([tarOf(), Buffer.alloc(8 << 20)]));
    const limits = { maxBytes: 1 << 20, maxEntries: 10 };
    const error = await failureOf(fixture.layers.unpack(await fixture.blob(bomb), { limits }));
    expect(error).toMatchObject({ code: "layer.too-large" });
  });

  test("what is not an archive, and what is cut off", async () => {
    const whole = tarOf({ path: "f", content: "x".repeat(5000) });
    const bad = [
      Buffer.from("this is not a tar archive".repeat(50)),
      whole.subarray(0, 3000),
      gzipSync(whole).subarray(0, 40),
      zstdCompressSync(whole).subarray(0, 30),
      Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.from("rubbish that says it is gzip")]),
    ];
    const errors: unknown[] = [];
    for (const bytes of bad) {
      const attempt = fixture.layers.unpack(await fixture.blob(bytes));
      errors.push(await attempt.catch((error: { kind?: string; code?: string }) => [error.kind, error.code]));
    }
    expect(errors).toEqual(bad.map(() => ["invalid", "layer.malformed"]));
    const xz = Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(100)]);
    expect(await failureOf(fixture.layers.unpack(await fixture.blob(xz)))).toMatchObject({
      code: "layer.compression",
    });
    expect(leftovers()).toEqual([]);
  });

  test("another digest than the image says", async () => {
    const blob = await fixture.blob(tarOf({ path: "f" }));
    const expected: DiffId = `sha256:${"0".repeat(64)}`;
    const error = await failureOf(fixture.layers.unpack(blob, { expected }));
    expect(error).toMatchObject({ kind: "data-loss", code: "layer.diff-id-mismatch" });
    expect(leftovers()).toEqual([]);
  });
});

describe("unpacking", () => {
  test("all kinds of files, with owners, modes, times and attributes", async () => {
    const capability = new Uint8Array([1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const ns = 1_600_000_000_123_456_789n;
    const path = fixture.layers.path(
      await unpack(
        { path: "d/", mode: 0o1777, uid: 1, gid: 2, modifiedNs: ns },
        { path: "d/setuid", mode: 0o4755, uid: 1000, gid: 1000, content: "hi", modifiedNs: ns },
        { path: "d/capable", mode: 0o755, xattrs: { "security.capability": capability } },
        { path: "d/link", type: "symlink", linkTarget: "/nowhere", uid: 5, modifiedNs: ns },
        { path: "d/hard", type: "hardlink", linkTarget: "d/setuid" },
        { path: "d/null", type: "character", major: 1, minor: 3, mode: 0o666 },
        { path: "d/fifo", type: "fifo", mode: 0o600 },
        { path: "implied/deep/file" },
        { path: "na\u00efve", content: "twice" },
        { path: "na\u00efve", content: "the last one wins" },
      ),
    );
    const at = (name: string) => lstatSync(join(path, name), { bigint: true });
    expect(at("d")).toMatchObject({ uid: 1n, gid: 2n, mode: 0o41777n, mtimeNs: ns });
    expect(at("d/setuid")).toMatchObject({ uid: 1000n, mode: 0o104755n, mtimeNs: ns, nlink: 2n });
    expect(getXattr(join(path, "d/capable"), "security.capability")).toEqual(capability);
    expect(at("d/link")).toMatchObject({ uid: 5n, mtimeNs: ns });
    expect(readlinkSync(join(path, "d/link"))).toBe("/nowhere");
    expect(at("d/hard").ino).toBe(at("d/setuid").ino);
    expect(at("d/null")).toMatchObject({ rdev: 259n, mode: 0o20666n });
    expect(at("d/fifo").isFIFO()).toBe(true);
    expect(at("implied/deep").mode).toBe(0o40755n);
    expect(readFileSync(join(path, "naïve"), "utf8")).toBe("the last one wins");
    expect(statSync(path).mode & 0o7777).toBe(0o755);
  });

  test("gzip, several gzip members, zstd, zstd frames and skippable frames give the same layer", async () => {
    const tar = tarOf({ path: "f", content: crypto.getRandomValues(new Uint8Array(3 << 20)) });
    const half = 1 << 20;
    const skippable = Buffer.from("502a4d180400000001020304", "hex");
    const forms = [
      tar, gzipSync(tar), Buffer.concat([gzipSync(tar.subarray(0, half)), gzipSync(tar.subarray(half))]), zstdCompressSync(tar),
      Buffer.concat([skippable, zstdCompressSync(tar.subarray(0, half)), zstdCompressSync(tar.subarray(half))]),
    ]; // prettier-ignore
    const diffIds = new Set<string>();
    for (const form of forms) {
      const type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
      const { diffId, size } = await fixture.layers.unpack(await fixture.blob(form, type));
      expect(size).toBe(3 << 20);
      diffIds.add(diffId);
      await fixture.layers.remove(diffId);
    }
    expect([...diffIds]).toEqual([`sha256:${new Bun.CryptoHasher("sha256").update(tar).digest("hex")}`]);
  });

  test("a symlink that stays inside may be used, wherever it is", async () => {
    const path = fixture.layers.path(
      await unpack(
        { path: "usr/lib/" },
        { path: "lib", type: "symlink", linkTarget: "usr/lib" },
        { path: "lib/a", content: "a" },
        { path: "usr/up", type: "symlink", linkTarget: "../usr/lib/../lib" },
        { path: "usr/up/b", content: "b" },
      ),
    );
    expect(readdirSync(join(path, "usr/lib")).toSorted()).toEqual(["a", "b"]);
  });

  test("later entries replace earlier ones of another kind", async () => {
    const path = fixture.layers.path(
      await unpack(
        { path: "a/" }, { path: "a/b/" }, { path: "a/b/c", content: "1" }, { path: "a", content: "now a file" },
        { path: "f", content: "x" }, { path: "f/" }, { path: "f/g", content: "2" },
        { path: "self", content: "kept" }, { path: "self", type: "hardlink", linkTarget: "self" },
      ),
    ); // prettier-ignore
    expect(readFileSync(join(path, "a"), "utf8")).toBe("now a file");
    expect(readFileSync(join(path, "f/g"), "utf8")).toBe("2");
    expect(readFileSync(join(path, "self"), "utf8")).toBe("kept");
  });

  test("overlay's own attributes in an archive are left out", async () => {
    const value = Buffer.from("/etc");
    const path = fixture.layers.path(
      await unpack({ path: "d/", xattrs: { "trusted.overlay.redirect": value, "user.kept": value } }),
    );
    expect(getXattr(join(path, "d"), "trusted.overlay.redirect")).toBeUndefined();
    expect(getXattr(join(path, "d"), "user.kept")).toEqual(new Uint8Array(value));
  });

  test("the same layer by many at once is unpacked once", async () => {
    const blob = await fixture.blob(tarOf({ path: "f", content: "x" }));
    const expected = blob.digest;
    const same = Array.from({ length: 5 }, () => fixture.layers.unpack(blob, { expected }));
    const other = Array.from({ length: 3 }, () => fixture.layers.unpack(blob));
    const all = await Promise.all([...same, ...other]);
    expect(new Set(all.map((one) => one.diffId)).size).toBe(1);
    expect(readdirSync(fixture.at("layers/dirs")).toSorted()).toHaveLength(3);
    expect(readdirSync(fixture.at("layers/tmp"))).toEqual([]);
  });

  test("stops when it is cancelled", async () => {
    const blob = await fixture.blob(tarOf({ path: "f" }));
    const controller = new AbortController();
    const running = fixture.layers.unpack(blob, { signal: controller.signal });
    controller.abort(new Error("stop it"));
    expect(await failureOf(running)).toMatchObject({ message: "stop it" });
    expect(leftovers()).toEqual([]);
  });

  test("says that the disk is full", async () => {
    mkdirSync(fixture.at("layers/tmp/full"));
    const large = await fixture.blob(tarOf({ path: "f", content: new Uint8Array(2 << 20) }));
    mount("tmpfs", fixture.at("layers/tmp"), "tmpfs", 0, "size=1m");
    expect(await failureOf(fixture.layers.unpack(large))).toMatchObject({
      kind: "exhausted",
      code: "layer.disk-full",
    });
    expect(readdirSync(fixture.at("layers/tmp"))).toEqual([]);
  });
});

describe("mounting", () => {
  test("whiteouts and opaque directories hide what lies below", async () => {
    const lower = await unpack(
      { path: "a/" }, { path: "a/old" }, { path: "a/gone" }, { path: "b/" }, { path: "b/old" }, { path: "c/" }, { path: "c/old" },
      { path: "d/" }, { path: "d/old" }, { path: "e/" }, { path: "e/old" },
    ); // prettier-ignore
    const upper = await unpack(
      { path: "a/" }, { path: "a/.wh.gone" }, { path: "b/" }, { path: "b/.wh..wh..opq" }, { path: "b/new" }, { path: ".wh.c" },
      { path: ".wh.d" }, { path: "d/" }, { path: "d/new" }, { path: "e/" }, { path: "e/new" }, { path: ".wh.e" },
      { path: ".wh..wh.plnk" },
    ); // prettier-ignore
    const merged = await fixture.layers.mount({
      layers: [lower, upper],
      directory: fixture.at("m"),
      readOnly: true,
    });
    const list = (name: string) => readdirSync(join(merged, name)).toSorted();
    expect(list(".")).toEqual(["a", "b", "d", "e"]);
    expect(list("a")).toEqual(["old"]);
    expect([list("b"), list("d"), list("e")]).toEqual([["new"], ["new"], ["new"]]);
    expect(() => writeFileSync(join(merged, "x"), "")).toThrow("EROFS");
    await fixture.layers.unmount(fixture.at("m"));
    await fixture.layers.unmount(fixture.at("m"));
    expect(readdirSync(join(fixture.at("m"), "merged"))).toEqual([]);
  });

  test("no layer, one layer, 150 layers; the root looks as the topmost layer's", async () => {
    const ids: DiffId[] = [];
    for (let i = 0; i < 150; i++) ids.push(await unpack({ path: `f${i}`, content: String(i) }));
    ids.push(await unpack({ path: "./", mode: 0o711, uid: 7 }, { path: "last" }));
    const all = await fixture.layers.mount({ layers: ids, directory: fixture.at("all") });
    expect(readdirSync(all)).toHaveLength(151);
    expect(statSync(all)).toMatchObject({ uid: 7, mode: 0o40711 });
    const one = await fixture.layers.mount({
      layers: [ids[0]!],
      directory: fixture.at("one"),
      readOnly: true,
    });
    expect(readdirSync(one)).toEqual(["f0"]);
    for (const readOnly of [true, false]) {
      const none = await fixture.layers.mount({
        layers: [],
        directory: fixture.at(`none-${readOnly}`),
        readOnly,
      });
      expect(readdirSync(none)).toEqual([]);
    }
    expect(await fixture.layers.mount({ layers: ids, directory: fixture.at("all") })).toBe(all);
  });

  test("a layer that comes twice counts where it is topmost", async () => {
    const twice = await unpack({ path: "d/" }, { path: "d/f", content: "twice" });
    const between = await unpack({ path: "d/" }, { path: "d/.wh.f" }, { path: "d/g" });
    for (const readOnly of [true, false]) {
      const at = (name: string) => fixture.at(`${name}-${readOnly}`);
      const only = await fixture.layers.mount({ layers: [twice, twice], directory: at("only"), readOnly });
      expect(readdirSync(join(only, "d"))).toEqual(["f"]);
      const layers = [twice, between, twice];
      const merged = await fixture.layers.mount({ layers, directory: at("m"), readOnly });
      expect(readdirSync(join(merged, "d")).toSorted()).toEqual(["f", "g"]);
    }
  });

  test("a volatile mount can be made again, and its changes committed", async () => {
    const overlay = { layers: [await unpack({ path: "f" })], directory: fixture.at("m"), volatile: true };
    for (const name of ["one", "two"]) {
      const merged = await fixture.layers.mount(overlay);
      writeFileSync(join(merged, name), name);
      await fixture.layers.unmount(overlay.directory);
      expect(readdirSync(merged)).toEqual([]);
    }
    const { layer } = await fixture.layers.commit(fixture.at("m/upper"), { move: true });
    expect(layer.size).toBe(6);
  });

  test("an unknown layer is told before anything is made", async () => {
    const layers: DiffId[] = [`sha256:${"1".repeat(64)}`];
    const error = await failureOf(fixture.layers.mount({ layers, directory: fixture.at("m") }));
    expect(error).toMatchObject({ kind: "not-found", code: "layer.not-found" });
    expect(existsSync(fixture.at("m"))).toBe(false);
  });
});

describe("committing", () => {
  const work = async (layers: DiffId[], name: string, change: (merged: string) => void) => {
    const directory = fixture.at(name);
    change(await fixture.layers.mount({ layers, directory }));
    const changes = await fixture.layers.changes({ layers, directory });
    await fixture.layers.unmount(directory);
    return { changes, upper: join(directory, "upper") };
  };

  test("changes become a layer that, unpacked anew, looks the same", async () => {
    const base = await unpack(
      { path: "etc/" }, { path: "etc/passwd", content: "root" }, { path: "etc/gone" }, { path: "var/" }, { path: "var/cache/" },
      { path: "var/cache/old" }, { path: "keep" },
    ); // prettier-ignore
    const { upper, changes } = await work([base], "c", (merged) => {
      writeFileSync(join(merged, "etc/passwd"), "changed");
      rmSync(join(merged, "etc/gone"));
      rmSync(join(merged, "var/cache"), { recursive: true });
      mkdirSync(join(merged, "var/cache/deep"), { recursive: true });
      writeFileSync(join(merged, "new"), "new");
      setXattr(join(merged, "new"), "user.binary", new Uint8Array([0, 10, 61, 255]));
      symlinkSync("new", join(merged, "z"));
    });
    expect(changes).toEqual([
      { path: "/etc", kind: "modified" },
      { path: "/etc/gone", kind: "deleted" },
      { path: "/etc/passwd", kind: "modified" },
      { path: "/new", kind: "added" },
      { path: "/var", kind: "modified" },
      { path: "/var/cache", kind: "modified" },
      { path: "/var/cache/deep", kind: "added" },
      { path: "/var/cache/old", kind: "deleted" },
      { path: "/z", kind: "added" },
    ]);
    const { layer, descriptor } = await fixture.layers.commit(upper, { move: true });
    expect(existsSync(upper)).toBe(false);
    expect(layer.diffId).toBe(descriptor.digest);
    const names = await listing(fixture.content.path(descriptor.digest));
    expect(names).toEqual([
      "etc/", "etc/.wh.gone", "etc/passwd", "new", "var/", "var/cache/", "var/cache/.wh..wh..opq", "var/cache/deep/", "z",
    ]); // prettier-ignore
    const moved = await describeMount([base, layer.diffId], "moved");
    await fixture.layers.remove(layer.diffId);
    await fixture.layers.unpack(descriptor, { expected: layer.diffId });
    expect(await describeMount([base, layer.diffId], "again")).toBe(moved);
    expect(moved).toContain("./var/cache/deep");
    expect(moved).not.toContain("old");
  });

  test("the same changes make the same bytes; SOURCE_DATE_EPOCH evens out the times", async () => {
    const make = async (name: string, order: string[]) =>
      await work([], name, (merged) => {
        for (const one of order) {
          mkdirSync(join(merged, one.slice(0, 1)), { recursive: true });
          writeFileSync(join(merged, one), one);
        }
      });
    const first = await make("one", ["b/z", "a/x", "b/a"]);
    const second = await make("two", ["a/x", "b/a", "b/z"]);
    const options = { sourceDateEpoch: 1_000_000_000 };
    const a = await fixture.layers.commit(first.upper, { move: true, ...options });
    const b = await fixture.layers.commit(second.upper, { move: false, ...options });
    expect(a.layer).toEqual(b.layer);
    expect(existsSync(second.upper)).toBe(true);
    expect(statSync(join(fixture.layers.path(a.layer.diffId), "b/z")).mtimeMs).toBe(1e12);
  });

  test("hard links stay links, sockets are left out, reserved names are refused", async () => {
    const { upper } = await work([], "c", (merged) => {
      writeFileSync(join(merged, "b"), "linked");
      Bun.spawnSync(["ln", join(merged, "b"), join(merged, "a")]);
      Bun.spawnSync(["python3", "-c", `import socket; socket.socket(socket.AF_UNIX).bind("${merged}/s")`]);
    });
    expect(lstatSync(join(upper, "s")).isSocket()).toBe(true);
    const { layer, descriptor } = await fixture.layers.commit(upper, { move: true });
    expect(layer.size).toBe(6);
    expect(await listing(fixture.content.path(descriptor.digest))).toEqual(["a", "b link to a"]);
    expect(readdirSync(fixture.layers.path(layer.diffId)).toSorted()).toEqual(["a", "b"]);
    const bad = await work([], "bad", (merged) => writeFileSync(join(merged, ".wh.x"), ""));
    expect(await failureOf(fixture.layers.commit(bad.upper, { move: true }))).toMatchObject({
      code: "layer.reserved-name",
    });
    expect(readdirSync(fixture.at("content/ingest"))).toEqual([]);
  });

  test("nothing changed makes an empty layer, and twice the same one", async () => {
    const one = await work([], "one", () => undefined);
    const two = await work([], "two", () => undefined);
    const a = await fixture.layers.commit(one.upper, { move: true });
    const b = await fixture.layers.commit(two.upper, { move: true });
    expect(a).toEqual(b);
    expect(existsSync(two.upper)).toBe(false);
    expect(a.layer.size).toBe(0);
  });

  async function describeMount(layers: DiffId[], name: string): Promise<string> {
    const merged = await fixture.layers.mount({ layers, directory: fixture.at(name), readOnly: true });
    const found = Bun.spawnSync(
      ["sh", "-c", "find . -mindepth 1 -printf '%p %y %m %U %G %s %T@ %l\\n' | sort; getfattr -Rd -m '^user' -e hex . 2>/dev/null"],
      { cwd: merged },
    ); // prettier-ignore
    await fixture.layers.unmount(fixture.at(name));
    return found.stdout.toString();
  }
});

/** What GNU tar finds in an archive; fails when tar complains. */
async function listing(archive: string): Promise<string[]> {
  const listed = Bun.spawn(["tar", "-tvf", archive], { stdout: "pipe", stderr: "pipe" });
  const [out, complaints] = await Promise.all([listed.stdout.text(), listed.stderr.text()]);
  expect([await listed.exited, complaints]).toEqual([0, ""]);
  return out
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^(\S+\s+){5}/, "").replace(/ -> .*/, ""));
}

test("GNU tar's archive of a tree with links, devices and attributes unpacks equal to it", async () => {
  const tree = fixture.at("tree");
  mkdirSync(join(tree, "sub/deep"), { recursive: true });
  writeFileSync(join(tree, "sub/file"), crypto.getRandomValues(new Uint8Array(40_000)));
  writeFileSync(join(tree, `sub/${"n".repeat(200)}`), "long");
  symlinkSync("../sub/file", join(tree, "sub/deep/link"));
  setXattr(join(tree, "sub/file"), "user.bytes", new Uint8Array([0, 1, 10, 61, 255]));
  const script = "ln sub/file sub/hard; mknod dev c 1 5; mkfifo pipe; chmod 6711 sub/file; chown 12:34 sub/deep; touch -d '2001-02-03 04:05:06.789' sub"; // prettier-ignore
  expect(Bun.spawnSync(["sh", "-c", script], { cwd: tree }).exitCode).toBe(0);
  const describe = (directory: string) =>
    Bun.spawnSync(["sh", "-c", "find . -mindepth 1 -printf '%p %y %m %U %G %n %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort"], { cwd: directory }).stdout.toString(); // prettier-ignore
  for (const format of ["pax", "gnu"]) {
    const flags = format === "pax" ? ["--xattrs", "--xattrs-include=*"] : [];
    const made = Bun.spawnSync(["tar", `--format=${format}`, ...flags, "-cf", "-", "-C", tree, "."]);
    const { diffId } = await fixture.layers.unpack(await fixture.blob(made.stdout));
    const path = fixture.layers.path(diffId);
    // GNU's own format has whole seconds only.
    const comparable = (text: string) => (format === "gnu" ? text.replace(/\.\d{10}/g, "") : text);
    expect(comparable(describe(path))).toBe(comparable(describe(tree)));
    if (format === "pax") {
      expect(getXattr(join(path, "sub/file"), "user.bytes")).toEqual(new Uint8Array([0, 1, 10, 61, 255]));
    }
    await fixture.layers.remove(diffId);
  }
});

describe("after a crash", () => {
  test("half-made layers are swept, whole ones stay", async () => {
    const kept = await unpack({ path: "f", content: "kept" });
    await fixture.layers.flushed();
    mkdirSync(fixture.at("layers/tmp/zz/half"), { recursive: true });
    mkdirSync(fixture.at("layers/dirs/zy/orphan"), { recursive: true });
    writeFileSync(fixture.at(`layers/sha256/${"2".repeat(64)}`), '{"cut');
    writeFileSync(fixture.at(`layers/sha256/${"3".repeat(64)}.new`), "{}");
    const again = await fixture.reopen();
    expect(again.list()).toEqual([{ diffId: kept, size: 4 }]);
    expect(readdirSync(fixture.at("layers/tmp"))).toEqual([]);
    expect(readdirSync(fixture.at("layers/dirs"))).toHaveLength(3);
    expect(readdirSync(fixture.at("layers/sha256"))).toEqual([kept.slice(7)]);
    const more = await again.unpack(await fixture.blob(tarOf({ path: "g" })));
    expect(again.path(more.diffId)).not.toBe(again.path(kept));
  });

  test("a layer that was not flushed before the machine went down is made again from its blob", async () => {
    const kept = await unpack({ path: "f", content: "whole" });
    await fixture.layers.flushed();
    const path = fixture.layers.path(kept);
    const record = fixture.at(`layers/sha256/${kept.slice(7)}`);
    const written = JSON.parse(readFileSync(record, "utf8")) as Record<string, unknown>;
    expect(written).not.toHaveProperty("boot");
    writeFileSync(record, JSON.stringify({ ...written, boot: "the boot before" }));
    writeFileSync(join(path, "f"), "");
    const again = await fixture.reopen("the next boot");
    expect(readFileSync(join(again.path(kept), "f"), "utf8")).toBe("whole");
    expect(existsSync(path)).toBe(false);
  });

  test("removing is complete and can be repeated", async () => {
    const gone = await unpack({ path: "d/" }, { path: "d/f" });
    await fixture.layers.remove(gone);
    await fixture.layers.remove(gone);
    expect(fixture.layers.has(gone)).toBe(false);
    expect(leftovers()).toEqual([]);
  });
});
