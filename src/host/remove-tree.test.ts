import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindMount, unmountAll } from "./mounts.ts";
import { removeTree } from "./remove-tree.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "virga-remove-"))));
afterEach(() => {
  unmountAll(root, { lazy: true });
  rmSync(root, { recursive: true, force: true });
});

test("removes a tree, and does nothing when there is none", async () => {
  mkdirSync(join(root, "a/b/c"), { recursive: true });
  writeFileSync(join(root, "a/b/file"), "x");
  await removeTree(join(root, "a"), { within: root });
  expect(existsSync(join(root, "a"))).toBe(false);
  await removeTree(join(root, "a"), { within: root });
});

test("never follows a symlink", async () => {
  mkdirSync(join(root, "kept"));
  writeFileSync(join(root, "kept/file"), "x");
  mkdirSync(join(root, "tree"));
  symlinkSync(join(root, "kept"), join(root, "tree/link"));
  symlinkSync(join(root, "kept"), join(root, "top"));
  await removeTree(join(root, "tree"), { within: root });
  await removeTree(join(root, "top"), { within: root });
  expect(existsSync(join(root, "kept/file"))).toBe(true);
  expect(existsSync(join(root, "tree"))).toBe(false);
});

test("removes what is large, deep or has a name that is no UTF-8", async () => {
  const tree = join(root, "tree");
  mkdirSync(join(tree, "deep/".repeat(150)), { recursive: true });
  writeFileSync(join(tree, "large"), Buffer.alloc(2 << 20));
  for (let number = 0; number < 200; number++) writeFileSync(join(tree, `file-${number}`), "");
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff, 0xfe)]), "x");
  await removeTree(tree, { within: root });
  mkdirSync(tree);
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff, 0xfe)]), "x");
  await removeTree(tree, { within: root });
  expect(existsSync(tree)).toBe(false);
});

test("refuses what is not inside, also through a symlink", async () => {
  mkdirSync(join(root, "within"));
  mkdirSync(join(root, "outside/victim"), { recursive: true });
  symlinkSync(join(root, "outside"), join(root, "within/link"));
  const within = join(root, "within");
  for (const path of [within, join(root, "outside"), `${within}/../outside`, join(within, "link/victim")]) {
    const failure: unknown = await removeTree(path, { within }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "host.outside-root" });
  }
  expect(existsSync(join(root, "outside/victim"))).toBe(true);
});

test("refuses to cross a mount", async () => {
  mkdirSync(join(root, "tree/mounted"), { recursive: true });
  mkdirSync(join(root, "data"));
  writeFileSync(join(root, "data/file"), "x");
  bindMount(join(root, "data"), join(root, "tree/mounted"));
  const removal = removeTree(join(root, "tree"), { within: root });
  const failure: unknown = await removal.catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "host.mounted-inside" });
  expect(existsSync(join(root, "data/file"))).toBe(true);
});

test("removes immutable files", async () => {
  mkdirSync(join(root, "tree"));
  writeFileSync(join(root, "tree/file"), "x");
  const changed = Bun.spawnSync(["chattr", "+i", join(root, "tree/file")]);
  if (changed.exitCode !== 0) return; // a filesystem without the flag has nothing to test
  await removeTree(join(root, "tree"), { within: root });
  expect(existsSync(join(root, "tree"))).toBe(false);
});
