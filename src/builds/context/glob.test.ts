import { expect, test } from "bun:test";
import { GlobError, globMatches } from "./glob.ts";

const cases: [pattern: string, path: string, matches: boolean][] = [
  ["*.go", "main.go", true],
  ["*.go", "a/main.go", false],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[a-c]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["[^a-c]x", "/x", false],
  ["arr[[]0].txt", "arr[0].txt", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "axb", false],
  ["a.b", "axb", false],
  ["**", "a", true],
];
for (const [pattern, path, matches] of cases) {
  test(`${pattern} ${matches ? "matches" : "does not match"} ${path}`, () => {
    expect(globMatches(pattern, path)).toBe(matches);
  });
}

test("a malformed pattern is an error", () => {
  for (const pattern of ["[a", "[]", "a\\", "[z-a]"])
    expect(() => globMatches(pattern, "x")).toThrow(GlobError);
});
