import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfigFile } from "./config-file.ts";
import { registrySettings } from "./registries.ts";

const none = { mirrors: [], insecure: [] };

function read(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "virga-config-"));
  try {
    writeFileSync(join(folder, "config.json"), text);
    return readConfigFile(join(folder, "config.json"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the keys of Docker's file, on top of the options of the command", () => {
  const file = read(`{
    "registry-mirrors": ["https://b.example"], "insecure-registries": ["10.0.0.0/8"],
    "mirrors": { "quay.io": ["https://m.example/quay"] }, "max-concurrent-downloads": 7
  }`);
  const settings = registrySettings(file, { mirrors: ["https://a.example"], insecure: ["r.example:5000"] });
  expect(settings).toEqual({
    mirrors: ["https://a.example", "https://b.example"],
    mirrorsOf: { "quay.io": ["https://m.example/quay"] },
    insecure: ["r.example:5000", "10.0.0.0/8"],
    maxDownloads: 7,
    maxUploads: 5,
  });
});

test("no file, or an empty one, says nothing", () => {
  expect(readConfigFile("/nowhere/config.json")).toEqual({});
  expect(registrySettings(read("\n"), none)).toMatchObject({ mirrors: [], maxDownloads: 3 });
});

test.each([
  ['{ "registry-mirror": [] }', "unknown key 'registry-mirror' – did you mean 'registry-mirrors'?"],
  ['{ "registry-mirrors": "https://m.example" }', "registry-mirrors: "],
  ['{ "mirrors": { "quay.io": [7] } }', "mirrors.quay.io.0: "],
  ['{ "max-concurrent-uploads": 0 }', "max-concurrent-uploads: "],
  ["{", "it is not JSON"],
])("%s: %s", (text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text)).toThrow("/config.json: ");
});

test("a value that makes no sense is named", () => {
  expect(() => registrySettings(read('{ "insecure-registries": ["http://x"] }'), none)).toThrow(
    "insecure registry 'http://x' is neither a host nor a CIDR",
  );
});
