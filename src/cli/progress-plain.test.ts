import { beforeEach, expect, test } from "bun:test";
import { ManualClock, type Progress } from "../base/index.ts";
import type { ProgressView } from "./progress-view.ts";
import { createPlainView } from "./progress-plain.ts";
import { fit, outputLines } from "./text.ts";

let clock: ManualClock;
let lines: string[];
let view: ProgressView;

beforeEach(() => {
  clock = new ManualClock();
  lines = [];
  view = createPlainView({ write: (text) => lines.push(text.replace(/\n$/, "")) }, clock);
});

const show = (task: string, message: string, more: Partial<Progress> = {}) =>
  view.show({ task, message, ...more });

test("what is soon followed by the next message is not told; what lasts is, once", async () => {
  show("service web", "Creating");
  show("service web", "Starting");
  show("service web", "Waiting until it is healthy");
  await clock.advance(700);
  show("service web", "Waiting until it is healthy");
  await clock.advance(700);
  show("service web", "Waiting until it is healthy");
  await clock.advance(5000);
  show("service web", "Healthy", { outcome: "done" });
  show("service web", "Healthy", { outcome: "done" });
  await clock.advance(5000);
  expect(lines).toEqual(["service web: Waiting until it is healthy", "service web: Healthy"]);
});

test("steps of a build are told at once, in one line of bearable length, with the output as it comes", () => {
  const text = `RUN one && \\\n   ${"two ".repeat(100)}`;
  show("image app", text, { current: 2, total: 7, unit: "items" });
  show("image app", "Building", { output: "a\n\n10%\r50%\r100%\n\u001B[31mred\u001B[0m\tx\u0007\n" });
  expect(lines.slice(1)).toEqual(["image app | a", "image app | 100%", "image app | red    x"]);
  expect(lines[0]).toStartWith("image app: 2/7 RUN one && \\ two two");
  expect(lines[0]).toEndWith("…");
  expect(lines[0]!.length).toBeLessThan(140);
});

test("amounts that grow do not make lines", async () => {
  for (let current = 0; current < 10; current++) {
    show("image app", "Getting", { current, total: 10, unit: "bytes" });
    await clock.advance(500);
  }
  expect(lines).toEqual(["image app: Getting"]);
});

test("text is cut by columns, not by characters", () => {
  expect(fit("日本語", 6)).toBe("日本語");
  expect(fit("日本語です", 6)).toBe("日本…");
  expect(fit("abc", 0)).toBe("");
  expect(outputLines("\u001B[2J\u001B]0;title\u0007\n")).toEqual([]);
});
