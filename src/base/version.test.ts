import { expect, test } from "bun:test";
import { join } from "node:path";
import { version } from "./version.ts";

test("is the version of package.json", async () => {
  const manifest = (await Bun.file(join(import.meta.dir, "../../package.json")).json()) as {
    version: string;
  };
  expect(version).toBe(manifest.version);
});
