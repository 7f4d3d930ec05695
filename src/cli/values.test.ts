import { expect, test } from "bun:test";
import { secondsOf } from "./commands/containers/logs.ts";
import { registryKey, registryOf } from "./credentials.ts";
import { filtersOf } from "./filters.ts";
import { splitTag } from "./pull.ts";
import { csv } from "./values.ts";

test.each([
  ["a,b", ["a", "b"]],
  ['type=bind,"source=/a,b",x', ["type=bind", "source=/a,b", "x"]],
  ['"say ""hi"""', ['say "hi"']],
  ["a,,b", ["a", "", "b"]],
])("fields of %s", (text, fields) => {
  expect(csv(text)).toEqual(fields);
});

test.each([
  ["debian", { name: "debian" }],
  ["debian:12", { name: "debian", tag: "12" }],
  ["host:5000/a/b", { name: "host:5000/a/b" }],
  ["host:5000/a/b:1", { name: "host:5000/a/b", tag: "1" }],
  ["a@sha256:0", { name: "a", tag: "sha256:0" }],
])("name and tag of %s", (image, parts) => {
  expect<object>(splitTag(image)).toEqual(parts);
});

test.each([
  ["debian", "https://index.docker.io/v1/"],
  ["team/app", "https://index.docker.io/v1/"],
  ["docker.io/team/app", "https://index.docker.io/v1/"],
  ["localhost/app", "localhost"],
  ["host:5000/app", "host:5000"],
  ["registry.example.org/team/app:1", "registry.example.org"],
])("registry of %s", (image, registry) => {
  expect(registryOf(image)).toBe(registry);
});

test("a registry may be named as a URL", () => {
  expect(registryKey("https://registry.example.org/")).toBe("registry.example.org");
});

test("filters as docker wants them", () => {
  expect(filtersOf([])).toBeUndefined();
  expect(filtersOf(["status=exited", "label=a=b", "status=dead"])).toBe(
    '{"status":["exited","dead"],"label":["a=b"]}',
  );
  expect(() => filtersOf(["status"])).toThrow("--filter takes KEY=VALUE, not 'status'");
});

test("times and lengths of time", () => {
  const now = Date.parse("2026-01-01T00:10:00Z");
  expect(secondsOf("1700000000.5", "since", now)).toBe("1700000000.5");
  expect(secondsOf("10m", "since", now)).toBe((now / 1000 - 600).toFixed(3));
  expect(secondsOf("2026-01-01T00:00:00Z", "since", now)).toBe((now / 1000 - 600).toFixed(3));
  expect(() => secondsOf("yesterday", "since", now)).toThrow("--since takes a time or a length of time");
});
