import { expect, test } from "bun:test";
import { Slots } from "./slots.ts";

test("as many holders as there are slots, the others in order; who gives up is passed over", async () => {
  const slots = new Slots(2);
  const order: string[] = [];
  const take = async (name: string, signal?: AbortSignal) => {
    const slot = await slots.acquire(signal);
    order.push(name);
    return slot;
  };
  const stop = new AbortController();
  const [a, b] = await Promise.all([take("a"), take("b")]);
  const c = take("c", stop.signal);
  const d = take("d");
  const e = take("e");
  stop.abort(new Error("enough"));
  expect(c).rejects.toThrow("enough");
  await c.catch(() => {});
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  const held = await d;
  expect(order).toEqual(["a", "b", "d"]);
  b[Symbol.dispose]();
  (await e)[Symbol.dispose]();
  held[Symbol.dispose]();
  expect(order).toEqual(["a", "b", "d", "e"]);
  expect(take("f", AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
  expect(await Promise.all([take("g"), take("h")])).toHaveLength(2);
});
