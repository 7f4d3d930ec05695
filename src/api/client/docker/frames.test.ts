import { expect, test } from "bun:test";
import { framedOutput } from "./frames.ts";

function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

const whole = Buffer.concat([frame(1, "hello "), frame(2, "oh"), frame(1, ""), frame(1, "world")]);

test.each([1, 3, 8, 11, 1000])("frames that come in pieces of %p bytes", async (size) => {
  const source = (async function* () {
    for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
  })();
  const texts = { stdout: "", stderr: "" };
  for await (const { stream, data } of framedOutput(source)) texts[stream] += Buffer.from(data).toString();
  expect(texts).toEqual({ stdout: "hello world", stderr: "oh" });
});
