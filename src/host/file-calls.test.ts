import { expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileCalls, fileTypes } from "./file-calls.ts";

test("names of any bytes, times in nanoseconds, attributes of any bytes; no symlink is followed", () => {
  const root = mkdtempSync(join(tmpdir(), "virga-calls-"));
  try {
    const calls = createFileCalls();
    const strange = `${root}/a\xff\x01b`;
    calls.makeDirectory(strange, 0o700);
    calls.makeDirectory(`${root}/\xc3\xa9`, 0o700); // é
    expect(calls.list(root)).toEqual(["a\xff\x01b", "\xc3\xa9"]);
    expect(lstatSync(join(root, "é")).isDirectory()).toBe(true);
    calls.setTimes(strange, -1n);
    calls.setXattr(strange, "user.x", new Uint8Array([0, 255]));
    calls.setXattr(strange, "user.none", new Uint8Array(0));
    calls.symlink(strange, `${root}/link`);
    calls.changeOwner(`${root}/link`, 11, 12);
    expect(calls.status(strange)).toMatchObject({
      uid: 0,
      modifiedNs: -1n,
      mode: fileTypes.directory | 0o700,
    });
    expect(calls.status(`${root}/link`)).toMatchObject({ uid: 11, gid: 12, mode: fileTypes.symlink | 0o777 });
    expect(calls.readLink(`${root}/link`)).toBe(strange);
    expect([...calls.xattrs(strange)]).toContainEqual(["user.x", new Uint8Array([0, 255])]);
    expect(calls.getXattr(strange, "user.none")).toEqual(new Uint8Array(0));
    expect(calls.getXattr(strange, "user.absent")).toBeUndefined();
    expect(calls.status(`${root}/none`)).toBeUndefined();
    expect(() => calls.open(`${root}/link`, 0)).toThrow("ELOOP");
    expect(() => calls.makeDirectory(`${root}/nul\0`, 0o700)).toThrow("EINVAL");
    expect(() => calls.makeDirectory(`/${"x".repeat(9000)}`, 0o700)).toThrow("ENAMETOOLONG");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("enters a root and comes back", () => {
  const root = mkdtempSync(join(tmpdir(), "virga-calls-"));
  try {
    mkdirSync(join(root, "in"));
    writeFileSync(join(root, "in/file"), "");
    // In a process of its own, because the root is the process's.
    const script = `
      const { createFileCalls } = await import(${JSON.stringify(`${import.meta.dir}/file-calls.ts`)});
      const calls = createFileCalls();
      const leave = calls.enterRoot(${JSON.stringify(`${root}/in`)});
      const inside = calls.list("/").join();
      leave();
      console.log(inside, calls.status(${JSON.stringify(root)}) !== undefined);`;
    const child = Bun.spawnSync([process.execPath, "-e", script]);
    expect(child.stdout.toString()).toBe("file true\n");
    expect(readlinkSync("/proc/self/root")).toBe("/");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
