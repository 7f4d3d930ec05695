import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveInRoot, RootedPathError } from "./root-path.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "virga-root-path-"));
  mkdirSync(`${root}/usr/lib`, { recursive: true });
  writeFileSync(`${root}/usr/lib/file`, "");
  symlinkSync("usr/lib", `${root}/lib`);
  symlinkSync("/usr", `${root}/absolute`);
  symlinkSync("../../../etc", `${root}/usr/up`);
  symlinkSync("loop", `${root}/loop`);
});
afterAll(() => rmSync(root, { recursive: true }));

test("symlinks are followed as if the root were /", () => {
  expect(resolveInRoot(root, "/lib/file")).toMatchObject({
    path: "usr/lib/file",
    exists: true,
    escaped: false,
  });
  expect(resolveInRoot(root, "absolute/lib/./file").path).toBe("usr/lib/file");
  expect(resolveInRoot(root, "lib", false).path).toBe("lib");
});

test("nothing leads above the root", () => {
  expect(resolveInRoot(root, "../../../usr").path).toBe("usr");
  expect(resolveInRoot(root, "usr/up/passwd")).toMatchObject({
    path: "etc/passwd",
    exists: false,
    escaped: true,
  });
});

test("parts that are missing are kept", () => {
  expect(resolveInRoot(root, "lib/new/deep/")).toMatchObject({ path: "usr/lib/new/deep", exists: false });
});

test("circles and files on the way are errors", () => {
  expect(() => resolveInRoot(root, "loop/x")).toThrow(RootedPathError);
  expect(() => resolveInRoot(root, "lib/file/x")).toThrow("usr/lib/file is not a folder");
});
