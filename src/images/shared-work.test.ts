import { expect, test } from "bun:test";
import { SharedWork } from "./shared-work.ts";

const silent = () => {};

test("callers at the same time share one run, later ones start another", async () => {
  const shared = new SharedWork<number, string>();
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const work = async () => {
    const mine = ++runs;
    await gate.promise;
    return mine;
  };
  const both = [shared.join("a", silent, undefined, work), shared.join("a", silent, undefined, work)];
  gate.resolve();
  expect(await Promise.all(both)).toEqual([1, 1]);
  expect(await shared.join("a", silent, undefined, work)).toBe(2);
});

test("who joins late hears what was reported before", async () => {
  const shared = new SharedWork<void, string>();
  const gate = Promise.withResolvers<void>();
  const first: string[] = [];
  const second: string[] = [];
  const work = async ({ report }: { report: (text: string) => void }) => {
    report("begin");
    await gate.promise;
    report("end");
  };
  const one = shared.join("a", (text) => first.push(text), undefined, work);
  const two = shared.join("a", (text) => second.push(text), undefined, work);
  gate.resolve();
  await Promise.all([one, two]);
  expect([first, second]).toEqual([
    ["begin", "end"],
    ["begin", "end"],
  ]);
});

test("one caller gives up: the others get the result; all give up: the work is stopped and cleans up", async () => {
  const shared = new SharedWork<string, never>();
  const gate = Promise.withResolvers<string>();
  let cleaned = 0;
  const work = async ({ signal }: { signal: AbortSignal }) => {
    const stopped = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => stopped.reject(signal.reason as Error));
    try {
      return await Promise.race([gate.promise, stopped.promise]);
    } finally {
      cleaned++;
    }
  };
  const aborts = [new AbortController(), new AbortController()];
  const joins = aborts.map((abort) => shared.join("a", silent, abort.signal, work));
  const failures = joins.map((join) =>
    join.then(
      () => "done",
      (error: Error) => error.message,
    ),
  );
  aborts[0]!.abort(new Error("first gave up"));
  expect(await failures[0]!).toBe("first gave up");
  expect(cleaned).toBe(0);
  aborts[1]!.abort(new Error("second gave up"));
  expect(await failures[1]!).toBe("second gave up");
  expect(cleaned).toBe(1);

  const again = shared.join("a", silent, undefined, work);
  gate.resolve("fresh");
  expect(await again).toBe("fresh");
});
