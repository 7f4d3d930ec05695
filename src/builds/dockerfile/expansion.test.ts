import { describe, expect, test } from "bun:test";
import { ExpansionError, expandText, expandWord, expandWords, rawWords } from "./expansion.ts";

const values: Record<string, string> = { A: "one", EMPTY: "", PATHS: "a/b/c.txt", LIST: "80 443" };
const options = { escape: "\\", lookup: (name: string) => values[name] };

describe("a word", () => {
  const cases: [word: string, result: string][] = [
    ["$A", "one"],
    ["${A}two", "onetwo"],
    ["$A_B", ""],
    ["\\$A", "$A"],
    ["'$A'", "$A"],
    ['"$A"', "one"],
    ['"\\$A \\x"', "$A \\x"],
    ["a\\ b", "a b"],
    ["$", "$"],
    ["${NO:-x}", "x"],
    ["${EMPTY:-x}", "x"],
    ["${EMPTY-x}", ""],
    ["${A:+x}", "x"],
    ["${NO:+x}", ""],
    ["${EMPTY+x}", "x"],
    ["${NO:-${A}}", "one"],
    ["${NO:-a b}", "a b"],
    ["${PATHS#*/}", "b/c.txt"],
    ["${PATHS##*/}", "c.txt"],
    ["${PATHS%.*}", "a/b/c"],
    ["${PATHS%%/*}", "a"],
    ["${PATHS/\\//-}", "a-b/c.txt"],
    ["${PATHS//[abc]/x}", "a/b/c.txt"],
  ];
  for (const [word, result] of cases) {
    test(word, () => expect(expandWord(word, options)).toBe(result));
  }

  test("another escape character", () => {
    expect(expandWord("c:\\$A `$A", { ...options, escape: "`" })).toBe("c:\\one $A");
  });
});

test("words are parted at spaces outside quotes, also those of a variable", () => {
  expect(expandWords('$LIST "$LIST" x', options)).toEqual(["80", "443", "80 443", "x"]);
  expect(rawWords("a=\"b c\" d\\ e '$A'", "\\")).toEqual(['a="b c"', "d\\ e", "'$A'"]);
});

test("a here-document keeps quotes and backslashes", () => {
  expect(expandText("\"$A\" '$A' \\n \\$A \\\\", options)).toBe("\"one\" 'one' \\n $A \\");
});

test("what can't be read is an error", () => {
  for (const word of ["${A", "${A:x}", '"a', "'a", "${}", "${NO:?is needed}"]) {
    expect(() => expandWord(word, options)).toThrow(ExpansionError);
  }
  expect(() => expandWord("${NO:?is needed}", options)).toThrow("NO: is needed");
});
