import { afterAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { cacheOptions } from "./cache-options.ts";

const path = `/tmp/virga-cache-options-${process.pid}`;
afterAll(() => rmSync(path, { force: true }));

test("caches by the command line and by the file", () => {
  expect(cacheOptions({}, {})).toBeUndefined();
  writeFileSync(path, "secret\n");
  const file = {
    "registry-caches": {
      "quay.io": { prefix: "quay", "fresh-for": "1h", username: "me", "password-file": path },
    },
    "registry-cache-size": "1g",
  };
  const options = cacheOptions(file, {
    "registry-cache": ["docker.io=127.0.0.1:5001", "registry.home:5000"],
  })!;
  expect(options.settings).toEqual({
    bytes: 2 ** 30,
    upstreams: [
      {
        domain: "quay.io",
        prefix: "quay",
        freshMs: 3_600_000,
        credentials: { kind: "password", username: "me", password: "secret" },
      },
      { domain: "docker.io", prefix: "cache/docker.io", freshMs: 600_000 },
      { domain: "registry.home:5000", prefix: "cache/registry.home-5000", freshMs: 600_000 },
    ],
  });
  expect(options.mirrors).toEqual([{ domain: "docker.io", address: { host: "127.0.0.1", port: 5001 } }]);
});

test.each([
  [{ "registry-caches": { "https://quay.io": {} } }, "not the name of a registry"],
  [{ "registry-caches": { "quay.io": { username: "me" } } }, "not both"],
  [{ "registry-caches": { "quay.io": { username: "me", "password-file": "/nowhere" } } }, "can't be read"],
  [{ "registry-caches": { "quay.io": { prefix: "a" }, "docker.io": { prefix: "a/b" } } }, "prefix 'a'"],
  [{ "registry-caches": { "quay.io": { prefix: "A" } } }, "invalid repository name"],
])("%j is refused", (file, message) => {
  expect(() => cacheOptions(file, {})).toThrow(message);
});
