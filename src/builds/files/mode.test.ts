import { expect, test } from "bun:test";
import { parseMode } from "./mode.ts";

const place = { file: "Dockerfile", line: 2, keyword: "COPY" };
const cases: [text: string, before: number, isDirectory: boolean, after: number][] = [
  ["755", 0o600, false, 0o755],
  ["4755", 0o600, false, 0o4755],
  ["+x", 0o644, false, 0o755],
  ["u=rwX,go=rX", 0o600, true, 0o755],
  ["u=rwX,go=rX", 0o600, false, 0o644],
  ["u=rwX,go=rX", 0o700, false, 0o755],
  ["g=u", 0o640, false, 0o660],
  ["go-w", 0o666, false, 0o644],
  ["u+s", 0o755, false, 0o4755],
  ["a-x+X", 0o755, false, 0o644],
];
for (const [text, before, isDirectory, after] of cases) {
  test(`${text} of ${before.toString(8)}${isDirectory ? " (a folder)" : ""}`, () => {
    expect(parseMode(place, text)(before, isDirectory).toString(8)).toBe(after.toString(8));
  });
}

test("what is no mode is refused", () => {
  for (const text of ["888", "u=q", "", "77777"])
    expect(() => parseMode(place, text)).toThrow("is not a file mode");
});
