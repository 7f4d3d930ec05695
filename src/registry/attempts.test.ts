import { describe, expect, test } from "bun:test";
import { ManualClock, silentLogger } from "../base/index.ts";
import { createAttempts } from "./attempts.ts";

const wrong = () => Promise.resolve(false);
const right = () => Promise.resolve(true);

function start() {
  const clock = new ManualClock();
  const attempts = createAttempts(clock, silentLogger);
  const guess = (address: string, user = "ann", check = wrong) =>
    attempts
      .guard(address, user, check)
      .then(String, (error: { detail: { retryAfter: number } }) => error.detail);
  const guesses = async (n: number, address: string, user = "ann") => {
    const answers: unknown[] = [];
    for (let at = 0; at < n; at++) answers.push(await guess(address, user));
    return answers;
  };
  return { clock, guess, guesses };
}

describe("wrong passwords", () => {
  test("five are free; then each pause is twice as long, and the right one has to wait too", async () => {
    const { clock, guess, guesses } = start();
    expect(await guesses(5, "10.0.0.1")).toEqual(Array.from({ length: 5 }, () => "false"));
    expect(await guess("10.0.0.1", "ann", right)).toEqual({ retryAfter: 2 });
    await clock.advance(2000);
    expect(await guess("10.0.0.1")).toBe("false");
    expect(await guess("10.0.0.1")).toEqual({ retryAfter: 4 });
    await clock.advance(4000);
    expect(await guess("10.0.0.1", "ann", right)).toBe("true");
    expect(await guesses(5, "10.0.0.1")).not.toContainEqual({ retryAfter: 2 });
  });
  test("another user, and another address, are not held up", async () => {
    const { guess, guesses } = start();
    await guesses(6, "10.0.0.1");
    expect(await guess("10.0.0.1", "bob", right)).toBe("true");
    expect(await guess("10.0.0.2", "ann", right)).toBe("true");
  });
  test("many users from one address hold up the address, an IPv6 network counting as one", async () => {
    const { guess, guesses } = start();
    for (let n = 0; n < 51; n++) await guesses(1, `2001:db8:0:1::${n.toString(16)}`, `user${n}`);
    expect(await guess("2001:db8:0:1:ffff::1", "new", right)).toEqual({ retryAfter: 2 });
    expect(await guess("2001:db8:0:2::1", "new", right)).toBe("true");
  });
  test("but not this machine, which may be a proxy for all", async () => {
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::1"]) {
      const { guess, guesses } = start();
      for (let n = 0; n < 60; n++) await guesses(1, address, `user${n}`);
      expect(await guess(address, "new", right)).toBe("true");
    }
  });
  test("the longest pause is a quarter of an hour, and an hour of quiet forgets all", async () => {
    const { clock, guess, guesses } = start();
    await guesses(5, "10.0.0.1");
    for (let n = 0; n < 20; n++) {
      await clock.advance(15 * 60_000);
      await guess("10.0.0.1");
    }
    expect(await guess("10.0.0.1")).toEqual({ retryAfter: 900 });
    await clock.advance(61 * 60_000);
    expect(await guesses(4, "10.0.0.1")).toEqual(["false", "false", "false", "false"]);
    expect(await guess("10.0.0.1", "ann", right)).toBe("true");
  });
  test("many at once are tried one after the other: no more than the free ones are asked", async () => {
    const { guess } = start();
    let asked = 0;
    const check = () => {
      asked++;
      return wrong();
    };
    await Promise.all(Array.from({ length: 20 }, () => guess("10.0.0.1", "ann", check)));
    expect(asked).toBe(5);
  });
});
