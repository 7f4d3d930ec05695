import { expect, test } from "bun:test";
import { ManualClock } from "../base/index.ts";
import { collectWhenIdle } from "./idle-memory.ts";

test("garbage is collected twice after a busy time, and not while it lasts", async () => {
  const clock = new ManualClock();
  let [cpu, collected] = [0, 0];
  using watch = collectWhenIdle({ clock, cpuTimeMs: () => cpu, collect: () => collected++ });
  const pass = async (usedMs: number) => {
    cpu += usedMs;
    await clock.advance(30_000);
    return collected;
  };
  expect(await pass(5)).toBe(1); // after the start
  expect(await pass(5)).toBe(2);
  expect(await pass(5)).toBe(2);
  expect(await pass(9000)).toBe(2);
  expect(await pass(9000)).toBe(2);
  expect(await pass(40)).toBe(3);
  expect(await pass(40)).toBe(4);
  expect(await pass(40)).toBe(4);
  watch[Symbol.dispose]();
  await pass(9000);
  expect(await pass(0)).toBe(4);
});
