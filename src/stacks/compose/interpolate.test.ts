import { expect, test } from "bun:test";
import { interpolate } from "./interpolate.ts";

const values: Record<string, string> = { SET: "v", EMPTY: "", FOO: "foo" };

function run(text: string) {
  const problems: string[] = [];
  const unset: string[] = [];
  const result = interpolate(text, {
    variable: (name) => values[name],
    invalid: (message) => problems.push(message),
    unset: (name) => unset.push(name),
  });
  return { result, problems, unset };
}

test.each([
  ["$SET-x ${SET}y", "v-x vy"],
  ["$$SET $${SET}", "$SET ${SET}"],
  ["$1 $ $- a$", "$1 $ $- a$"],
  ["${NO:-d} ${EMPTY:-d} ${EMPTY-d} ${NO-d} ${SET:-d}", "d d  d v"],
  ["${SET:+r} ${EMPTY:+r} ${EMPTY+r} ${NO+r}", "r  r "],
  ["${NO:-${FOO}} ${NO:-${NONE:-deep}} ${NO:-a}b}", "foo deep ab}"],
  ["${NO:-http://x/?a=b&c={d}", "http://x/?a=b&c={d"],
  ["${SET:?must} ${EMPTY?may be empty}", "v "],
  ["${NO:-$$}", "$"],
])("%s", (text, result) => {
  expect(run(text)).toEqual({ result, problems: [], unset: [] });
});

test("what is not set and has no default is told", () => {
  expect(run("$A ${B}").unset).toEqual(["A", "B"]);
});

test.each([
  ["${NO:?tell $FOO}", "the variable NO must be set: tell foo"],
  ["${EMPTY:?}", "the variable EMPTY must be set"],
  ["${SET/a/b}", "'${SET/a/b}' is not a variable"],
  ["${}", "'${}' is not a variable"],
  ["${SET", "has no closing brace"],
])("%s is refused", (text, message) => {
  expect(run(text).problems.join()).toContain(message);
});
