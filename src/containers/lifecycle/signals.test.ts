import { expect, test } from "bun:test";
import { signalNumber } from "./signals.ts";

test("signals by name, with and without SIG, by number, and real-time ones", () => {
  expect(["TERM", "SIGTERM", "sigterm", "15"].map(signalNumber)).toEqual([15, 15, 15, 15]);
  expect(["RTMIN", "RTMIN+3", "SIGRTMAX-1", "64"].map(signalNumber)).toEqual([34, 37, 63, 64]);
});

test("what is no signal is refused with Docker's words", () => {
  for (const bad of ["", "0", "65", "NOPE", "-9", "RTMIN+31", "9x"]) {
    expect(() => signalNumber(bad)).toThrow(`invalid signal: ${bad}`);
  }
});
