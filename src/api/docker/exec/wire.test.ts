import { expect, test } from "bun:test";
import { checkFields } from "../http/fields.ts";
import { execStartFields } from "./wire.ts";

test("what clients send of their own options when they start an exec hinders nothing; other fields are refused", () => {
  const check = (body: object) => () =>
    checkFields({ Detach: false, Tty: false, ...body }, execStartFields, "");
  check({ OutputCapacity: 102400, hijack: true, stdin: true })();
  expect(check({ Capacity: 1 })).toThrow("Capacity is not a field that this daemon knows");
});
