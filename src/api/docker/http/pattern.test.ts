import { expect, test } from "bun:test";
import { pattern } from "./pattern.ts";

const rows: readonly (readonly [string, string, boolean])[] = [
  ["^web$", "web", true],
  ["^web$", "website", false],
  ["web", "my-website", true],
  ["a.b", "axb", true],
  ["^(web|db)_[0-9]+$", "db_12", true],
  ["^(web|db)_[0-9]+$", "cache_1", false],
  ["(?i)WEB", "web", true],
  ["[", "[", false],
  ["(?=x)", "x", false],
];

test.each(rows)("%p on %p: %p", (source, text, found) => {
  expect(pattern(source)(text)).toBe(found);
});

test("no expression takes longer than its text is long", () => {
  const began = performance.now();
  for (let turn = 0; turn < 100; turn++) expect(pattern("(a+)+$")(`${"a".repeat(1000)}-`)).toBe(false);
  // JavaScript's own would need longer than the universe for one.
  expect(performance.now() - began).toBeLessThan(10_000);
});
