import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { examine, findProgram, requiredPackages } from "./index.ts";

test("every check has a result, and what does not pass says what to do", () => {
  const results = examine("/var/lib/virga");
  expect(results.length).toBeGreaterThan(requiredPackages.length);
  expect(new Set(results.map((one) => one.name)).size).toBe(results.length);
  for (const result of results) if (result.status !== "pass") expect(result.next).not.toBe("");
});

test("finds a program by name or path, and says when there is none", () => {
  expect(findProgram(["/no/such/program", "sh"])).toEndWith("/sh");
  expect(findProgram(["/bin/sh"])).toBe("/bin/sh");
  expect(findProgram(["no-such-program-anywhere"])).toBeUndefined();
});

test("damaged blobs of the daemon are a warning", () => {
  const root = mkdtempSync(join(tmpdir(), "virga-doctor-"));
  const contentOf = () => examine(root).filter((one) => one.name === "content");
  expect(contentOf()).toEqual([]);
  mkdirSync(join(root, "content", "damaged"), { recursive: true });
  expect(contentOf()).toEqual([]);
  writeFileSync(join(root, "content", "damaged", `sha256-${"0".repeat(64)}`), "");
  expect(contentOf()).toMatchObject([{ status: "warn", detail: "1 blobs are damaged and were set aside" }]);
  rmSync(root, { recursive: true });
});
