import { expect, test } from "bun:test";
import { batched } from "./batched.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("what is there at once goes out together, in order", async () => {
  const source = (async function* () {
    for (let i = 0; i < 30_000; i++) yield bytes(`${i}\n`);
  })();
  const batches = await Array.fromAsync(batched(source));
  expect(batches.length).toBeLessThan(100);
  const lines = Buffer.concat(batches).toString().split("\n");
  expect(lines.length).toBe(30_001);
  expect(lines.every((line, index) => index === 30_000 || line === String(index))).toBe(true);
});

test("a piece does not wait for the next one", async () => {
  const gate = Promise.withResolvers<void>();
  const source = (async function* () {
    yield bytes("first");
    await gate.promise;
    yield bytes("second");
  })();
  const iterator = batched(source);
  expect(Buffer.from((await iterator.next()).value).toString()).toBe("first");
  gate.resolve();
  expect(Buffer.from((await iterator.next()).value).toString()).toBe("second");
});

test("a failure of the source is the reader's, and an early end is the source's", async () => {
  const failing = (async function* () {
    yield bytes("x");
    throw new Error("broken");
  })();
  expect(Array.fromAsync(batched(failing))).rejects.toThrow("broken");
  let closed = false;
  const endless = (async function* () {
    try {
      for (;;) yield bytes("x");
    } finally {
      closed = true;
    }
  })();
  for await (const _ of batched(endless)) break;
  expect(closed).toBe(true);
});
