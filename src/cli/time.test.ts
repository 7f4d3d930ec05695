import { expect, test } from "bun:test";
import { ago, lasting } from "./time.ts";

test.each([
  [0, "less than a second"],
  [1000, "1 second"],
  [59_000, "59 seconds"],
  [61_000, "1 minute"],
  [119_000, "1 minute"],
  [90 * 60_000, "90 minutes"],
  [3 * 3_600_000, "3 hours"],
  [47 * 3_600_000, "47 hours"],
  [3 * 86_400_000, "3 days"],
  [20 * 86_400_000, "2 weeks"],
  [100 * 86_400_000, "3 months"],
  [800 * 86_400_000, "2 years"],
])("%p ms is %p", (ms, text) => {
  expect(lasting(ms)).toBe(text);
});

test("ago takes seconds and RFC 3339", () => {
  expect(ago(1000, 1_120_000)).toBe("2 minutes ago");
  expect(ago("1970-01-01T00:16:40Z", 1_120_000)).toBe("2 minutes ago");
  expect(ago(0)).toBe("");
});
