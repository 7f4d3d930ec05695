import { expect, test } from "bun:test";
import { jsonErrorText } from "./json-error.ts";

/** What Go 1.22's encoding/json says of each. */
const faults: Readonly<Record<string, string>> = {
  "{invalid json": "invalid character 'i' looking for beginning of object key string",
  '{"a":1,}': "invalid character '}' looking for beginning of object key string",
  '{"a" 1}': "invalid character '1' after object key",
  '{"a":1 "b"': "invalid character '\"' after object key:value pair",
  '{"a":}': "invalid character '}' looking for beginning of value",
  "[1,]": "invalid character ']' looking for beginning of value",
  "[1 2]": "invalid character '2' after array element",
  "[1}": "invalid character '}' after array element",
  nonsense: "invalid character 'o' in literal null (expecting 'u')",
  "'a'": String.raw`invalid character '\'' looking for beginning of value`,
  '"a\n"': String.raw`invalid character '\n' in string literal`,
  [String.raw`"\x"`]: "invalid character 'x' in string escape code",
  [String.raw`"\u12g4"`]: String.raw`invalid character 'g' in \u hexadecimal character escape`,
  "[-a]": "invalid character 'a' in numeric literal",
  "[1.]": "invalid character ']' after decimal point in numeric literal",
  "[1ea]": "invalid character 'a' in exponent of numeric literal",
  "[01]": "invalid character '1' after array element",
  "[é]": "invalid character 'é' looking for beginning of value",
  '{"a": tru': "unexpected EOF",
  '{"a": "b': "unexpected EOF",
  "{": "unexpected EOF",
};

test("what is no JSON is told in Go's words", () => {
  for (const [text, words] of Object.entries(faults)) {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(jsonErrorText(text)).toBe(`invalid JSON: ${words}`);
  }
  expect(jsonErrorText('{"a": [1.5e3, true, {}, []]} more')).toBe("unexpected content after JSON");
});

test("depth is no matter", () => {
  expect(jsonErrorText("[".repeat(1_000_000))).toBe("invalid JSON: unexpected EOF");
});
