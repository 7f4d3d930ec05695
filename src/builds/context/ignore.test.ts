import { describe, expect, test } from "bun:test";
import { parseIgnore } from "./ignore.ts";

const rules = (...lines: string[]) => parseIgnore(lines.join("\n"), ".dockerignore");

describe("patterns", () => {
  const cases: [patterns: string[], path: string, excluded: boolean][] = [
    [["node_modules"], "node_modules/a/b", true],
    [["node_modules"], "web/node_modules", false],
    [["**/node_modules"], "web/node_modules/x", true],
    [["**/node_modules"], "node_modules", true],
    [["*/temp*"], "a/temporary.txt", true],
    [["*/temp*"], "temporary.txt", false],
    [["/docs/"], "docs/x", true],
    [["./docs"], "docs", true],
    [["*.md", "!README.md"], "README.md", false],
    [["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true],
    [["*", "!src"], "src/a.ts", false],
    [["*", "!src"], "other", true],
    [["# node", "#x"], "#x", false],
    [["a/**/b"], "a/b", true],
    [["a/**/b"], "a/x/y/b", true],
    [["**/*.log"], "a/b/x.log", true],
    [["."], "a", false],
  ];
  for (const [patterns, path, excluded] of cases) {
    test(`${patterns.join(", ")}: ${path}`, () => expect(rules(...patterns).excludes(path)).toBe(excluded));
  }
});

test("a folder is read on when something below it may come back", () => {
  const several = rules("*", "!src/app/*.ts", "!**/keep");
  expect(several.mayIncludeBelow("src/app")).toBe(true);
  expect(rules("*", "!src/app").mayIncludeBelow("src")).toBe(true);
  expect(rules("*", "!src/app").mayIncludeBelow("lib")).toBe(false);
  expect(rules("node_modules").mayIncludeBelow("node_modules")).toBe(false);
});

test("a wrong pattern says where it stands", () => {
  expect(() => rules("a", "[b")).toThrow(".dockerignore:2: '[b' has a [ without its ]");
  expect(() => rules("!")).toThrow(".dockerignore:1: a pattern is missing after '!'");
});
