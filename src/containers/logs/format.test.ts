import { describe, expect, test } from "bun:test";
import { LineCutter, parsePiece, timeNs, utcTime } from "./format.ts";

const time = "2026-01-02T03:04:05.123456789+00:00";

describe("parsePiece", () => {
  test("keeps the bytes of the data as they are", () => {
    const line = Buffer.concat([Buffer.from(`${time} stderr P a b `), Buffer.of(0xff, 0)]);
    const piece = parsePiece(line)!;
    expect(piece).toMatchObject({ time, stream: "stderr", partial: true });
    expect([...piece.data]).toEqual([...Buffer.from("a b "), 0xff, 0]);
  });

  test("an empty line is a piece too", () => {
    expect(parsePiece(Buffer.from(`${time} stdout F `))!.data.length).toBe(0);
  });

  test("what conmon does not write is no piece", () => {
    for (const text of ["", "x", "\0\0\0\0", `${time} stdout`, `${time} stdin F x`, `${time} stdout X x`]) {
      expect(parsePiece(Buffer.from(text))).toBeUndefined();
    }
  });
});

test("times become nanoseconds and UTC", () => {
  expect(timeNs(time)).toBe(1767323045123456789n);
  expect(utcTime(time)).toBe("2026-01-02T03:04:05.123456789Z");
  expect(utcTime("2026-01-02T05:04:05.123456789+02:00")).toBe("2026-01-02T03:04:05.123456789Z");
  expect(timeNs("yesterday")).toBeUndefined();
});

test("lines are put together over chunks", () => {
  const cutter = new LineCutter();
  const lines = ["a\nb", "", "c", "d\n\ne\n", "f"].flatMap((chunk) =>
    [...cutter.push(Buffer.from(chunk))].map((line) => Buffer.from(line).toString()),
  );
  expect(lines).toEqual(["a", "bcd", "", "e"]);
});
