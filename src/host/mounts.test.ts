import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindMount, isMountPoint, mountOverlay, parseMountInfo, unmountAll } from "./mounts.ts";

test("reads mountinfo, with optional fields and escaped characters", () => {
  const text =
    "36 35 98:0 /part /mnt/a\\040b rw,noatime shared:7 master:1 - ext4 /dev/root rw\n" +
    "37 36 0:5 / /x ro - tmpfs tmpfs rw\n";
  expect(parseMountInfo(text)).toEqual([
    { id: 36, target: "/mnt/a b", root: "/part", type: "ext4", source: "/dev/root", readOnly: false },
    { id: 37, target: "/x", root: "/", type: "tmpfs", source: "tmpfs", readOnly: true },
  ]);
});

test("mounts an overlay by relative lower paths, binds it read-only, unmounts both", () => {
  const root = mkdtempSync(join(tmpdir(), "virga-mounts-"));
  const before = process.cwd();
  try {
    for (const name of ["a", "b", "upper", "work", "merged", "bound"]) mkdirSync(join(root, name));
    writeFileSync(join(root, "a/file"), "top");
    writeFileSync(join(root, "b/file"), "bottom");
    const at = (name: string) => join(root, name);
    mountOverlay({
      lower: ["a", "b"],
      base: root,
      upper: at("upper"),
      work: at("work"),
      target: at("merged"),
    });
    bindMount(at("merged"), at("bound"), { readOnly: true });
    expect(process.cwd()).toBe(before);
    expect(readFileSync(at("bound/file"), "utf8")).toBe("top");
    expect(() => writeFileSync(at("bound/new"), "")).toThrow("EROFS");
    writeFileSync(at("merged/new"), "");
    expect(readFileSync(at("upper/new"), "utf8")).toBe("");
    unmountAll(root);
    expect(isMountPoint(at("merged")) || isMountPoint(at("bound"))).toBe(false);
  } finally {
    unmountAll(root, { lazy: true });
    rmSync(root, { recursive: true, force: true });
  }
});
