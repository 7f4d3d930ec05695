import { expect, test } from "bun:test";
import { ManualClock, type Progress } from "../base/index.ts";
import { createOperations } from "./operations.ts";

async function all(source: AsyncIterable<Progress>): Promise<string[]> {
  const seen: string[] = [];
  for await (const report of source) seen.push(report.message);
  return seen;
}

test("a watcher sees each report once, from the first, and the end", async () => {
  const operations = createOperations(new ManualClock());
  const gate = Promise.withResolvers<void>();
  const { id } = operations.start("test", "x", async ({ report }) => {
    report({ task: "x", message: "one" });
    await gate.promise;
    report({ task: "x", message: "two" });
    return 42;
  });
  const watching = all(operations.watch(id, new AbortController().signal));
  gate.resolve();
  expect(await watching).toEqual(["one", "two"]);
  expect(await all(operations.watch(id, new AbortController().signal))).toEqual(["one", "two"]);
  expect(operations.get(id).state).toMatchObject({ status: "succeeded", result: 42 });
});

test("cancel aborts the work; its clean-up comes before the end", async () => {
  const operations = createOperations(new ManualClock());
  const done: string[] = [];
  const { id } = operations.start("test", "x", async ({ signal }) => {
    try {
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    } finally {
      done.push("cleaned");
    }
  });
  await Promise.resolve();
  operations.cancel(id);
  await operations.close();
  expect(done).toEqual(["cleaned"]);
  expect(operations.get(id).state.status).toBe("cancelled");
});

test("a failure belongs to the operation", async () => {
  const operations = createOperations(new ManualClock());
  const { id } = operations.start("test", "x", () => Promise.reject(new Error("broken")));
  await operations.close();
  expect(operations.get(id).state).toMatchObject({ status: "failed", error: { message: "broken" } });
  expect(() => operations.get("nothing")).toThrow("no such operation");
});
