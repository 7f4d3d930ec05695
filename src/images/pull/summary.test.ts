import { expect, test } from "bun:test";
import type { Progress } from "../../base/index.ts";
import { pullSummary } from "./summary.ts";

test("layers are one line, the sum of their bytes; the rest passes", () => {
  const told: Progress[] = [];
  const report = pullSummary("image web", (one) => void told.push(one));
  const [a, b] = ["a".repeat(12), "b".repeat(12)] as const;
  report({ task: a, message: "Pulling fs layer" });
  report({ task: a, message: "Downloading", current: 10, total: 100, unit: "bytes" });
  report({ task: b, message: "Downloading", current: 5, total: 50, unit: "bytes" });
  report({ task: a, message: "Pull complete", current: 100, total: 100, unit: "bytes", outcome: "done" });
  report({ task: b, message: "Pull complete", current: 50, total: 50, unit: "bytes", outcome: "done" });
  report({ task: "image debian:12", message: "Unpacking" });
  const bytes = { task: "image web", unit: "bytes" } as const;
  expect(told).toEqual([
    { ...bytes, message: "Pulling", current: 10, total: 100 },
    { ...bytes, message: "Pulling", current: 15, total: 150 },
    { ...bytes, message: "Pulling", current: 105, total: 150 },
    { ...bytes, message: "Pulled", current: 150, total: 150 },
    { task: "image web", message: "Unpacking" },
  ]);
});
