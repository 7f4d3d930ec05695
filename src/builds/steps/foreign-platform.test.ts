import { expect, test } from "bun:test";
import { foreignHint } from "./foreign-platform.ts";

test("a program of another platform is told from one that just fails", () => {
  const host = { os: "linux", architecture: "amd64" };
  const arm = { os: "linux", architecture: "arm64" };
  const output = ["exec container process `/bin/sh`: Exec format error"];
  expect(foreignHint(arm, output, host)).toContain("programs of linux/arm64 don't run on this machine");
  expect(foreignHint(arm, ["no such file"], host)).toBeUndefined();
  expect(foreignHint(host, output, host)).toBeUndefined();
});
