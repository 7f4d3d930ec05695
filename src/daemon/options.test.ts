import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseRuntime, readServeOptions } from "./options.ts";

test("runtimes of the configuration file, and those of the command line over them", () => {
  const root = mkdtempSync("/tmp/virga-options-");
  const runtimes = { mine: { path: "/opt/mine", runtimeArgs: ["--debug"] }, other: { path: "/opt/other" } };
  writeFileSync(join(root, "config.json"), JSON.stringify({ runtimes }));
  expect(readServeOptions(["--root", root, "--runtime", "other=/opt/new"]).runtimes).toEqual({
    mine: { path: "/opt/mine", options: ["--debug"] },
    other: { path: "/opt/new" },
  });
  writeFileSync(join(root, "config.json"), JSON.stringify({ runtimes: { mine: { path: "relative" } } }));
  expect(() => readServeOptions(["--root", root])).toThrow("runtimes.mine.path");
  rmSync(root, { recursive: true });
});

test("one more OCI runtime: a name, a path, options", () => {
  expect(parseRuntime("mine=/opt/mine")).toEqual(["mine", { path: "/opt/mine" }]);
  expect(parseRuntime("kata-2.0=/opt/kata --debug  --log=/x")).toEqual([
    "kata-2.0",
    { path: "/opt/kata", options: ["--debug", "--log=/x"] },
  ]);
  for (const wrong of ["mine", "mine=", "=x", "mine=relative", "-x=/y", "a b=/y"]) {
    expect(() => parseRuntime(wrong)).toThrow(`not '${wrong}'`);
  }
});
