import { describe, expect, test } from "bun:test";
import { DetachWatcher, parseDetachKeys } from "./detach-keys.ts";

const feed = (watcher: DetachWatcher, text: string) => {
  const { pass, detached } = watcher.feed(Buffer.from(text, "latin1"));
  return [Buffer.from(pass).toString("latin1"), detached] as const;
};

describe("detach keys", () => {
  test("are read as dockerd reads them", () => {
    expect(parseDetachKeys(undefined)).toEqual([16, 17]);
    expect(parseDetachKeys("ctrl-a,b,ctrl-@")).toEqual([1, 98, 0]);
    expect(parseDetachKeys("ctrl-[")).toEqual([27]);
    expect(() => parseDetachKeys("shift-a")).toThrow("Invalid detach keys (shift-a) provided");
  });

  test("are found in one piece and in many, and never reach the process", () => {
    const watcher = new DetachWatcher([16, 17]);
    expect(feed(watcher, "ab\x10")).toEqual(["ab", false]);
    expect(feed(watcher, "\x11rest")).toEqual(["", true]);
  });

  test("a sequence that breaks off passes as it was typed", () => {
    const watcher = new DetachWatcher([16, 17]);
    expect(feed(watcher, "\x10")).toEqual(["", false]);
    expect(feed(watcher, "x")).toEqual(["\x10x", false]);
    expect(feed(watcher, "\x10\x10\x10")).toEqual(["\x10\x10", false]);
    expect(feed(watcher, "\x11")).toEqual(["", true]);
  });
});
