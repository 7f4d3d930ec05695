import { expect, test } from "bun:test";
import { checkName, generateName } from "./names.ts";

test("a name may have Docker's leading slash and Docker's characters", () => {
  expect(checkName("/web_1.a-b")).toBe("web_1.a-b");
  for (const bad of ["", "a", "-web", "we b", "web/../x", "ünï"]) {
    expect(() => checkName(bad)).toThrow("Invalid container name");
  }
});

test("generated names are valid, and get a number when their like is taken", () => {
  const taken = new Set<string>();
  for (let count = 0; count < 50; count++) {
    const name = generateName(
      (one) => taken.has(one),
      () => 0,
    );
    expect(checkName(name)).toBe(name);
    taken.add(name);
  }
  expect(taken.size).toBe(50);
});
