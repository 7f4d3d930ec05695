import { expect, test } from "bun:test";
import { printable } from "./printable.ts";

test("what a terminal would obey is shown as an escape", () => {
  expect(printable("a\u001B[2Jb\0c\r\u009Bd\u202Ee\uD800")).toBe("a\\x1b[2Jb\\x00c\\x0d\\x9bd\\u202ee\uFFFD");
  expect(printable("two\nlines\tand ünïcödé 🦀")).toBe("two\nlines\tand ünïcödé 🦀");
});

test("what is long loses its middle", () => {
  const text = printable(`begin ${"x".repeat(1_000_000)} end`);
  expect(text.length).toBeLessThan(4100);
  expect(text).toStartWith("begin x");
  expect(text).toEndWith("x end");
});
