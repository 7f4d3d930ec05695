import { afterEach, beforeEach, expect, test } from "bun:test";
import type { StackLogLine } from "./stack.ts";
import { testStacks, type TestStacks } from "./testing.ts";

let t: TestStacks;
beforeEach(async () => {
  t = await testStacks();
  await t.write({ "compose.yaml": "services:\n  a: {image: x}\n  b: {image: x}\n" });
  await t.drive(t.stacks.up(t.source(), { services: [] }, t.context));
});
afterEach(async () => await t[Symbol.asyncDispose]());

const id = (name: string) => t.machine.containers.get(name).id;
const write = (name: string, text: string) => t.machine.containers.write(id(name), text);

async function collect(follow: boolean, services: readonly string[] = [], tail?: number) {
  const stop = new AbortController();
  const lines: StackLogLine[] = [];
  const options = { services, follow, ...(tail === undefined ? {} : { tail }) };
  const ended = (async () => {
    for await (const line of t.stacks.logs({ name: "shop" }, options, stop.signal)) lines.push(line);
  })();
  const until = async (count: number) =>
    await t.drive(
      (async () => {
        while (lines.length < count) await new Promise((resolve) => setImmediate(resolve));
      })(),
    );
  const end = async () => {
    stop.abort();
    await t.drive(ended);
    return lines.map((line) => `${line.service}: ${line.text}`);
  };
  return { until, end, ended, lines };
}

test("merged in the order of time, with a tail and a choice of services", async () => {
  for (const [name, text] of [
    ["shop-a-1", "1"],
    ["shop-b-1", "2"],
    ["shop-a-1", "3"],
    ["shop-b-1", "4"],
  ] as const) {
    write(name, text);
    await t.machine.clock.advance(10);
  }
  const all = await collect(false);
  await t.drive(all.ended);
  expect(await all.end()).toEqual(["a: 1", "b: 2", "a: 3", "b: 4"]);
  expect(all.lines[0]).toMatchObject({ container: "shop-a-1", stream: "stdout" });
  const some = await collect(false, ["b"], 1);
  await t.drive(some.ended);
  expect(await some.end()).toEqual(["b: 4"]);
});

test("followed without holes or doubles, also when lines share a time, restart, and join later", async () => {
  write("shop-a-1", "same 1");
  write("shop-a-1", "same 2");
  const followed = await collect(true);
  await followed.until(2);
  write("shop-a-1", "same 3");
  await followed.until(3);
  await t.machine.containers.stop("shop-b-1");
  await t.machine.clock.advance(100);
  await t.machine.containers.start("shop-b-1");
  write("shop-b-1", "again");
  await followed.until(4);
  await t.drive(t.stacks.up(t.source(), { services: [], scale: { a: 2 } }, t.context));
  write("shop-a-2", "new");
  await followed.until(5);
  expect(await followed.end()).toEqual(["a: same 1", "a: same 2", "a: same 3", "b: again", "a: new"]);
});
