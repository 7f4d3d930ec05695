import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaceFlags, unshare } from "../../host/index.ts";
import { resolveInside } from "./inside.ts";

unshare(namespaceFlags.fs);
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "virga-inside-"));
  await mkdir(join(root, "run/app"), { recursive: true });
  await mkdir(join(root, "var"));
  await Bun.write(join(root, "run/app/file"), "text");
  await symlink("/run", join(root, "var/run"));
  await symlink("../../../../../etc/shadow", join(root, "escape"));
  await symlink("/etc/passwd", join(root, "run/passwd"));
  await symlink("loop", join(root, "loop"));
});
afterEach(() => rm(root, { recursive: true }));

const at = (path: string, follow?: boolean) => resolveInside(root, path, follow)?.path;

test("links are followed inside the root", () => {
  expect(at("/var/run/app/file")).toBe("/run/app/file");
  expect(at("var/run/./app/../app/")).toBe("/run/app");
  expect(at("/")).toBe("/");
  expect(resolveInside(root, "/var/run", false)).toMatchObject({ path: "/var/run", type: "symlink" });
});

test("nothing leads out of the root", () => {
  // Both exist on the host, and not in here.
  expect(at("/escape")).toBeUndefined();
  expect(at("/run/passwd")).toBeUndefined();
  expect(at("/../../../../etc/passwd")).toBeUndefined();
  expect(at("/../../run/app")).toBe("/run/app");
});

test("a loop is refused, a file has nothing below it", () => {
  expect(() => at("/loop")).toThrow("too many levels of symbolic links");
  expect(at("/run/app/file/x")).toBeUndefined();
});

test("the host's root and working directory come back", () => {
  const before = process.cwd();
  at("/run");
  expect(() => at("/loop/x")).toThrow();
  expect(process.cwd()).toBe(before);
  expect(Bun.file("/etc/passwd").size).toBeGreaterThan(0);
});
