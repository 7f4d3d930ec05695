import { describe, expect, test } from "bun:test";
import { restartDelay, startsWithDaemon, type EndedRun } from "./restart-policy.ts";

const run = (fields: Partial<EndedRun>): EndedRun => ({
  policy: { name: "always" },
  exitCode: 1,
  ranMs: 50,
  restartCount: 0,
  stopped: false,
  backoffMs: 0,
  ...fields,
});

describe("restartDelay", () => {
  test("doubles from 100 ms to a minute and starts over after a steady run", () => {
    const delays: number[] = [];
    let backoffMs = 0;
    for (let count = 0; count < 12; count++) {
      backoffMs = restartDelay(run({ backoffMs, restartCount: count }))!;
      delays.push(backoffMs);
    }
    expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(delays.at(-1)).toBe(60_000);
    expect(restartDelay(run({ backoffMs: 60_000, ranMs: 10_000 }))).toBe(100);
  });

  test("leaves alone what a person stopped, whatever the policy", () => {
    for (const name of ["always", "unless-stopped", "on-failure"] as const) {
      expect(restartDelay(run({ policy: { name }, stopped: true }))).toBeUndefined();
    }
  });

  test("on-failure wants a failure, and counts", () => {
    const policy = { name: "on-failure", maximumRetryCount: 2 } as const;
    expect(restartDelay(run({ policy, exitCode: 0 }))).toBeUndefined();
    expect(restartDelay(run({ policy, restartCount: 1 }))).toBe(100);
    expect(restartDelay(run({ policy, restartCount: 2 }))).toBeUndefined();
    expect(restartDelay(run({ policy: { name: "on-failure" }, restartCount: 99 }))).toBe(100);
  });

  test("no policy is no restart", () => {
    expect(restartDelay(run({ policy: undefined }))).toBeUndefined();
    expect(restartDelay(run({ policy: { name: "no" } }))).toBeUndefined();
  });
});

test("with the daemon come always, and unless-stopped when nobody stopped it", () => {
  expect(startsWithDaemon({ name: "always" }, true)).toBe(true);
  expect(startsWithDaemon({ name: "unless-stopped" }, true)).toBe(false);
  expect(startsWithDaemon({ name: "unless-stopped" }, false)).toBe(true);
  expect(startsWithDaemon({ name: "on-failure" }, false)).toBe(false);
  expect(startsWithDaemon(undefined, false)).toBe(false);
});
