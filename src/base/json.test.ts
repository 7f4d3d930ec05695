import { expect, test } from "bun:test";
import { checkJson } from "./json.ts";

const refused: readonly (readonly [string, unknown, string])[] = [
  ["a zero byte in a text", { a: [{ b: "x\0" }] }, "body: a.0.b: a text may not hold a zero byte"],
  ["a zero byte in a name", { "a\0": 1 }, "body: a\0: a name may not hold a zero byte"],
  ["an object's parent", JSON.parse('{"a":{"__proto__":{}}}'), "body: a.__proto__: it cannot be a name here"],
  ["100,000 lists", JSON.parse(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), "body: a: more than 100 values, each in the next"],
  ["100,000 objects", JSON.parse(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`), "body: a: more than 100 values, each in the next"],
]; // prettier-ignore

test.each(refused)("refuses %s", (_what, value, message) => {
  expect(() => checkJson(value, "body")).toThrow(message);
});

test("takes what requests hold", () => {
  expect(() => checkJson({ a: [1, null, "x", { b: true, "": "y" }] }, "body")).not.toThrow();
  expect(() => checkJson(null, "body")).not.toThrow();
});
