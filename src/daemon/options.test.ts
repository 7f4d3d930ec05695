import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseRuntime, readServeOptions } from "./options.ts";

test("the build cache: a fifth of the disk, a size, a share, or without bound", () => {
  const root = mkdtempSync("/tmp/virga-options-");
  const read = (file: object) => {
    writeFileSync(join(root, "config.json"), JSON.stringify(file));
    return readServeOptions(["--root", root]).builds;
  };
  expect(read({})).toEqual({ cacheLimit: { kind: "share", share: 0.2 } });
  const gc = (defaultKeepStorage: string) => ({ builder: { gc: { defaultKeepStorage } } });
  expect(read(gc("2GB"))).toEqual({ cacheLimit: { kind: "bytes", bytes: 2 * 2 ** 30 } });
  expect(read(gc("7.5%"))).toEqual({ cacheLimit: { kind: "share", share: 0.075 } });
  expect(read({ builder: { gc: { enabled: false } }, "max-concurrent-build-steps": 5 })).toEqual({
    parallelSteps: 5,
  });
  expect(() => read(gc("much"))).toThrow("'much' is not a size of a cache");
  rmSync(root, { recursive: true });
});

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

test("the machine's proxy in builds: by the configuration file, or by an option", () => {
  const root = mkdtempSync("/tmp/virga-options-");
  expect(readServeOptions(["--root", root]).builds.hostProxy).toBeUndefined();
  expect(readServeOptions(["--root", root, "--build-host-proxy"]).builds.hostProxy).toBe(true);
  writeFileSync(join(root, "config.json"), JSON.stringify({ "build-host-proxy": true }));
  expect(readServeOptions(["--root", root]).builds.hostProxy).toBe(true);
  rmSync(root, { recursive: true });
});

test("how much containers may write: as dockerd's options say it", () => {
  const root = mkdtempSync("/tmp/virga-options-");
  expect(readServeOptions(["--root", root]).writableLimit).toBeUndefined();
  const limit = (text: string) => readServeOptions(["--root", root, "--storage-opt", text]).writableLimit;
  expect(limit("overlay2.size=10G")).toBe(10 * 2 ** 30);
  expect(limit("overlay2.size=0")).toBeUndefined();
  expect(() => limit("dm.basesize=10G")).toThrow("takes overlay2.size=SIZE, not 'dm.basesize=10G'");
  expect(() => limit("overlay2.size=much")).toThrow("invalid size: 'much'");
  writeFileSync(join(root, "config.json"), JSON.stringify({ "storage-opts": ["overlay2.size=2g"] }));
  expect(readServeOptions(["--root", root]).writableLimit).toBe(2 * 2 ** 30);
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
