import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sweepTemporary, writeFileAtomic } from "./atomic-file.ts";

test("replaces a file as a whole and leaves no temporary file, also when it fails", async () => {
  const root = mkdtempSync(join(tmpdir(), "virga-atomic-"));
  try {
    const path = join(root, "file");
    await writeFileAtomic(path, "one");
    await writeFileAtomic(path, "two", { mode: 0o644 });
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(statSync(path).mode & 0o7777).toBe(0o644);
    const failed = await writeFileAtomic(join(root, "no/such/file"), "x").catch((error: Error) => error);
    expect(failed).toMatchObject({ code: "ENOENT" });
    expect(readdirSync(root)).toEqual(["file"]);
    writeFileSync(join(root, ".virga-tmp-12345678-file"), "left by a crash");
    await sweepTemporary(root);
    expect(readdirSync(root)).toEqual(["file"]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
