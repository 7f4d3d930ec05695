import { describe, expect, test } from "bun:test";
import { parseChallenges } from "./challenge.ts";

describe("challenges", () => {
  test.each([
    [
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
      [
        [
          "bearer",
          {
            realm: "https://auth.example/token",
            service: "registry.example",
            scope: "repository:a/b:pull,push",
          },
        ],
      ],
    ],
    ['Basic realm="Registry"', [["basic", { realm: "Registry" }]]],
    ["Basic", [["basic", {}]]],
    [
      'BASIC realm="a \\"b\\"", bearer REALM = https://x ,service=y',
      [
        ["basic", { realm: 'a "b"' }],
        ["bearer", { realm: "https://x", service: "y" }],
      ],
    ],
    [
      'Negotiate, Bearer realm="r"',
      [
        ["negotiate", {}],
        ["bearer", { realm: "r" }],
      ],
    ],
    ['realm="nobody"', []],
    ["", []],
  ])("%s", (header, expected) => {
    const got = parseChallenges(header).map(({ scheme, parameters }) => [scheme, parameters]);
    expect(got).toEqual(expected as typeof got);
  });

  test.each(['Bearer realm="open', ",,,;;", "=", "é".repeat(50_000), '"'.repeat(50_000)])(
    "garbage ends, with or without a challenge",
    (header) => {
      expect(parseChallenges(header).length).toBeLessThan(3);
    },
  );
});
