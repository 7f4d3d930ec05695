import { expect, test } from "bun:test";
import type { CacheRecord } from "../../../builds/index.ts";
import { cacheSelector } from "./cache-filters.ts";

const record = (more: Partial<CacheRecord>): CacheRecord => ({
  id: "abc", type: "regular", description: "", createdAt: new Date(0), lastUsedAt: new Date(0), usageCount: 1, size: 1,
  shared: false, inUse: false, ...more,
}); // prettier-ignore

test("what filters choose", () => {
  const records = [
    record({ id: "a1" }),
    record({ id: "b2", type: "source.local", inUse: true }),
    record({ id: "a3", shared: true }),
  ];
  const chosen = (...filters: string[]) => records.filter(cacheSelector(filters)).map((one) => one.id);
  expect(chosen()).toEqual(["a1", "b2", "a3"]);
  expect(chosen("type==source.local")).toEqual(["b2"]);
  expect(chosen("type!=source.local,private")).toEqual(["a1"]);
  expect(chosen("id~=^a", "inuse")).toEqual(["a1", "b2", "a3"]);
  expect(chosen("!inuse,!shared")).toEqual(["a1"]);
  expect(chosen("immutable,shared")).toEqual(["a3"]);
  expect(chosen('id=="a1"')).toEqual(["a1"]);
});

test("what is not understood is refused", () => {
  for (const bad of ["nonsense", "type", "id~=(", "!id==a", "=="]) {
    expect(() => cacheSelector([bad])).toThrow("not understood");
  }
});
