import { expect, test } from "bun:test";
import { version } from "./version.ts";
import manifest from "../../package.json";

test("is the version of package.json", () => {
  expect(version).toBe(manifest.version);
});
