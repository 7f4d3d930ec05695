import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMountStubs } from "./mount-stubs.ts";

let home: string;
let root: string;
let upper: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "virga-stubs-"));
  [root, upper] = [join(home, "root"), join(home, "upper")];
  for (const folder of ["root/etc", "root/sys", "upper"]) mkdirSync(join(home, folder), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

/** What a runtime leaves in the upper directory of a root without most mount points. */
function runtimeLeaves() {
  for (const folder of ["proc", "dev", "etc", "cache/deep"])
    mkdirSync(join(upper, folder), { recursive: true });
  for (const file of ["hosts", "hostname", "resolv.conf"]) writeFileSync(join(upper, "etc", file), "");
}

test("what was only made to be mounted on is taken away", () => {
  const stubs = findMountStubs(root, ["/cache/deep"]);
  runtimeLeaves();
  stubs.removeFrom(upper);
  expect(readdirSync(upper)).toEqual([]);
});

test("what the step itself changed stays", () => {
  const stubs = findMountStubs(root, ["/cache/deep"]);
  runtimeLeaves();
  writeFileSync(join(upper, "etc/hosts"), "127.0.0.1 me\n");
  writeFileSync(join(upper, "cache/file"), "x");
  stubs.removeFrom(upper);
  expect(readdirSync(upper).toSorted()).toEqual(["cache", "etc"]);
  expect(readdirSync(join(upper, "etc"))).toEqual(["hosts"]);
  expect(existsSync(join(upper, "cache/deep"))).toBe(false);
});

test("a folder whose mode the step changed stays", () => {
  const stubs = findMountStubs(root, []);
  runtimeLeaves();
  chmodSync(join(upper, "etc"), 0o700);
  rmSync(join(upper, "cache"), { recursive: true });
  stubs.removeFrom(upper);
  expect(readdirSync(upper)).toEqual(["etc"]);
});

test("mount points that the image has are left alone", () => {
  const stubs = findMountStubs(root, []);
  mkdirSync(join(upper, "sys"));
  stubs.removeFrom(upper);
  expect(readdirSync(upper)).toEqual(["sys"]);
});
