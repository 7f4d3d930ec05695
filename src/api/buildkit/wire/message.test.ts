import { expect, test } from "bun:test";
import { bigint, bool, bytes, integer, many, map, maybe, message, nested, one, text } from "./message.ts";

const inner = message({ name: one(1, text), flag: one(2, bool) });
const outer = message({
  id: one(1, text),
  count: one(2, integer),
  when: one(3, bigint),
  data: one(4, bytes),
  inner: maybe(5, inner),
  list: many(6, nested(inner)),
  numbers: many(7, integer),
  attrs: map(8, text),
});

test("what is written is read again", () => {
  const value = {
    id: "ünï",
    count: -5,
    when: 1_700_000_000_123_456_789n,
    data: new Uint8Array([1, 2, 3]),
    inner: { name: "a", flag: true },
    list: [
      { name: "x", flag: false },
      { name: "", flag: true },
    ],
    numbers: [0, 1, 300],
    attrs: { a: "1", __proto__x: "", "": "empty" },
  };
  expect(outer.decode(outer.encode(value))).toEqual(value);
});

test("the bytes are those of the protocol", () => {
  // Field 1, length-delimited, 2 bytes; field 2, varint 150: the example of protobuf.dev/programming-guides/encoding.
  expect(Buffer.from(outer.encode({ id: "hi", count: 150 })).toString("hex")).toBe("0a026869109601");
});

test("defaults are not written, absent fields have them, unknown fields are skipped", () => {
  expect(inner.encode({ name: "", flag: false })).toHaveLength(0);
  expect(outer.decode(new Uint8Array())).toEqual({
    id: "", count: 0, when: 0n, data: new Uint8Array(), inner: undefined, list: [], numbers: [], attrs: {},
  }); // prettier-ignore
  const wider = message({ name: one(1, text), more: one(9, text), flag: one(2, bool) });
  expect(inner.decode(wider.encode({ name: "a", more: "ignored", flag: true }))).toEqual({
    name: "a",
    flag: true,
  });
});

test("repeated numbers may be packed", () => {
  expect(outer.decode(Buffer.from("3a0301ac02", "hex")).numbers).toEqual([1, 300]);
});

test("a key called __proto__ is a key", () => {
  const { attrs } = outer.decode(outer.encode({ attrs: Object.fromEntries([["__proto__", "x"]]) }));
  expect(Object.entries(attrs)).toEqual([["__proto__", "x"]]);
});

test("what is cut off is no message", () => {
  const whole = outer.encode({ id: "something", data: new Uint8Array(50) });
  expect(() => outer.decode(whole.subarray(0, 30))).toThrow();
});
