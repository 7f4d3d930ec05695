import { expect, test } from "bun:test";
import { parseEnvFile } from "./dotenv.ts";

const parse = (text: string, raw = false) =>
  parseEnvFile(text, { raw, variable: (name) => (name === "OUT" ? "outer" : undefined) });

test.each([
  ["VAR=VAL", "VAL"],
  ['VAR="VAL"', "VAL"],
  ["VAR='VAL'", "VAL"],
  ["VAR=VAL # comment", "VAL"],
  ["VAR=VAL# not a comment", "VAL# not a comment"],
  ['VAR="VAL # not a comment"', "VAL # not a comment"],
  ['VAR="VAL" # comment', "VAL"],
  ["VAR='$OTHER'", "$OTHER"],
  ["VAR='${OTHER}'", "${OTHER}"],
  ["VAR='Let\\'s go!'", "Let's go!"],
  ['VAR="{\\"hello\\": \\"json\\"}"', '{"hello": "json"}'],
  ['VAR="some\\tvalue"', "some\tvalue"],
  ["VAR='some\\tvalue'", "some\\tvalue"],
  ["VAR=some\\tvalue", "some\\tvalue"],
  ["export VAR=x", "x"],
  ["VAR=", ""],
  ["VAR = spaced ", "spaced"],
  ["VAR=a=b", "a=b"],
  ["VAR=$OUT/${MISSING:-d}", "outer/d"],
  ['VAR="two\nlines"', "two\nlines"],
  ['VAR="\\$OUT"', "$OUT"],
])("%s", (text, value) => {
  expect(parse(text)).toEqual({ lines: [{ name: "VAR", value }], problems: [] });
});

test("comments, blank lines, names without a value, values of lines before", () => {
  const { lines, problems } = parse("# c\n\nA=1\nB=${A}2\nC\r\nD='x'\r\n");
  expect(problems).toEqual([]);
  expect(lines.map(({ name, value }) => [name, value])).toEqual([
    ["A", "1"],
    ["B", "12"],
    ["C", undefined],
    ["D", "x"],
  ]);
});

test("raw lines stay as they are", () => {
  expect(parse('A="$x" # y', true).lines).toEqual([{ name: "A", value: '"$x" # y' }]);
});

test("problems carry their line", () => {
  expect(parse('A="x\ny"\n=b\nB="open').problems).toEqual([
    { line: 3, message: "'=b' is not NAME=VALUE" },
    { line: 4, message: 'the quote " is not closed' },
  ]);
});
