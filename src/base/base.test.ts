import { describe, expect, test } from "bun:test";
import { ManualClock } from "./clock.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { createLogger } from "./logger.ts";
import { formatBytes, parseBytes, parseDuration } from "./units.ts";

describe("units", () => {
  test.each([
    ["512m", 512 * 2 ** 20],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["100 kb", 102400],
    ["1024", 1024],
    ["6b", 6],
  ])("parses the size %s", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each(["", "m", "-5m", "5x", "1 2m"])("refuses the size '%s'", (text) =>
    expect(() => parseBytes(text)).toThrow(),
  );

  test.each([
    ["1m30s", 90_000],
    ["500ms", 500],
    ["0", 0],
    ["1.5h", 5_400_000],
  ])("parses the duration %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["5", "s", "1s 2", "-1s"])("refuses the duration '%s'", (text) =>
    expect(() => parseDuration(text)).toThrow(),
  );

  test("formats as docker images does", () => {
    expect([999, 1_200, 117_000_000].map(formatBytes)).toEqual(["999 B", "1.20 kB", "117 MB"]);
  });
});

describe("KeyedLock", () => {
  test("serves one holder at a time per key, in order, and goes on after a failure", async () => {
    const lock = new KeyedLock();
    const seen: string[] = [];
    const work = (name: string) => async () => {
      seen.push(`${name} in`);
      await Promise.resolve();
      seen.push(`${name} out`);
      if (name === "a") throw new Error("a failed");
    };
    const results = await Promise.allSettled([
      lock.run("k", work("a")),
      lock.run("k", work("b")),
      lock.run("k", work("c")),
    ]);
    expect(seen).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
    expect(results.map((one) => one.status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  });
});

test("KeyedLock: who gives up waiting is passed over", async () => {
  const lock = new KeyedLock();
  const first = await lock.acquire("k");
  const stop = new AbortController();
  const second = lock.acquire("k", stop.signal);
  const third = lock.acquire("k");
  stop.abort(new Error("enough"));
  expect(second).rejects.toThrow("enough");
  await second.catch(() => {});
  expect(lock.isHeld("k")).toBe(true);
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  expect(lock.isHeld("k")).toBe(false);
  expect(lock.acquire("k", stop.signal)).rejects.toThrow("enough");
  await Promise.resolve();
  expect(lock.isHeld("k")).toBe(false);
});

describe("ManualClock", () => {
  test("wakes sleepers in the order of their times", async () => {
    const clock = new ManualClock(0);
    const seen: string[] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      seen.push(`${name} at ${clock.now().getTime()}`);
    };
    const all = [sleeper("late", 300), sleeper("early", 100)];
    using _tick = clock.every(200, () => seen.push(`tick at ${clock.now().getTime()}`));
    await clock.advance(400);
    await Promise.all(all);
    expect(seen).toEqual(["early at 100", "tick at 200", "late at 300", "tick at 400"]);
  });

  test("a sleep ends with the signal's reason", async () => {
    const stop = new AbortController();
    const sleeping = new ManualClock().sleep(1000, stop.signal);
    stop.abort(new Error("enough"));
    expect(sleeping).rejects.toThrow("enough");
  });
});

test("the logger writes one JSON object a line, errors with their causes", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", write: (line) => lines.push(line), now: () => new Date(0) });
  logger.debug("not this");
  logger.child({ part: "x" }).error("broken", { error: new Error("outer", { cause: new Error("inner") }) });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    time: "1970-01-01T00:00:00.000Z",
    level: "error",
    part: "x",
    error: { message: "outer", cause: { message: "inner" } },
  });
});
