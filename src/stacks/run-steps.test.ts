import { expect, test } from "bun:test";
import { runSteps } from "./run-steps.ts";

const never = new AbortController().signal;
const lane = () => ({ name: "one", limit: 2 });

test("order, and at most so many of a lane at a time", async () => {
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const steps = [
    { id: "d", after: ["b", "c"] },
    { id: "a", after: [] },
    { id: "b", after: ["a"] },
    { id: "c", after: ["a"] },
    { id: "e", after: [] },
    { id: "f", after: [] },
  ];
  await runSteps(
    steps,
    async ({ id }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      log.push(id);
    },
    { signal: never, lane },
  );
  expect(most).toBe(2);
  expect(log.indexOf("d")).toBeGreaterThan(Math.max(log.indexOf("b"), log.indexOf("c")));
  expect(log.toSorted()).toEqual(["a", "b", "c", "d", "e", "f"]);
});

test("after a failure nothing begins, what runs is aborted, and the first error is thrown", async () => {
  const log: string[] = [];
  const work = runSteps(
    [
      { id: "bad", after: [] },
      { id: "long", after: [] },
      { id: "later", after: ["bad"] },
    ],
    async ({ id }, signal) => {
      log.push(id);
      if (id === "bad") throw new Error("first");
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    },
    { signal: never, lane },
  );
  expect(work).rejects.toThrow("first");
  await work.catch(() => {});
  expect(log).toEqual(["bad", "long"]);
});

test("steps that wait for each other are a bug that is told, not a hang", () => {
  const steps = [
    { id: "a", after: ["b"] },
    { id: "b", after: ["a"] },
  ];
  expect(runSteps(steps, async () => {}, { signal: never, lane })).rejects.toThrow(
    "steps wait for each other: a, b",
  );
});
