import { expect, test } from "bun:test";
import { join } from "node:path";
import { folderOf, violation } from "./layers.js";

const at = (path: string) => join(import.meta.dir, "../../src", path);

test.each([
  ["images/pull.ts", "../layers/index.ts"],
  ["images/pull.ts", "./reference.ts"],
  ["images/archive/load.ts", "../reference.ts"],
  ["api/docker/images/routes.ts", "../../../images/index.ts"],
  ["images/images.test.ts", "../layers/testing.ts"],
  ["base/ids.ts", "node:fs"],
])("%s may import %s", (file, specifier) => expect(violation(at(file), specifier)).toBeUndefined());

test.each([
  ["layers/unpack.ts", "../images/index.ts", "layers may not import images"],
  ["base/ids.ts", "../host/index.ts", "base may not import host"],
  ["cli/cli.ts", "../daemon/index.ts", "cli may not import daemon"],
  ["images/pull.ts", "../layers/tar/reader.ts", "through its door"],
  ["images/pull.ts", "../layers/testing.ts", "through its door"],
  ["images/pull.ts", "../../tools/generate.ts", "lies outside"],
  ["weather/sun.ts", "../base/index.ts", "is not in tools/layers.json"],
])("%s may not import %s", (file, specifier, reason) =>
  expect(violation(at(file), specifier)).toContain(reason),
);

test("a folder is the longest name of the table that fits", () => {
  expect(folderOf(at("api/docker/images/routes.ts"))).toBe("api/docker");
  expect(folderOf(at("main.ts"))).toBe("main");
  expect(folderOf(join(import.meta.dir, "layers.js"))).toBeUndefined();
});
