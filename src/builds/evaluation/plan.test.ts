import { describe, expect, test } from "bun:test";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { planBuild } from "./plan.ts";
import { globalArguments } from "./variables.ts";

function plan(lines: readonly string[], target?: string, passed: Record<string, string> = {}) {
  const file = parseDockerfile(lines.join("\n"), "Dockerfile");
  const global = globalArguments(file.args, new Map(Object.entries(passed)), { TARGETARCH: "amd64" }, "\\");
  return planBuild(file, target, global);
}

const lines = [
  "FROM a AS one",
  "FROM b AS two",
  "COPY --from=one /x /x",
  "FROM c AS three",
  "RUN --mount=from=two,target=/t x",
  "FROM one",
];

describe("stages that are needed", () => {
  const cases: [target: string | undefined, needed: number[]][] = [
    [undefined, [0, 3]],
    ["two", [0, 1]],
    ["THREE", [0, 1, 2]],
    ["0", [0]],
  ];
  for (const [target, needed] of cases) {
    test(target ?? "the last", () => expect(plan(lines, target).needed).toEqual(needed));
  }
});

test("FROM: variables, a stage of the same name as its image, scratch", () => {
  const { stages } = plan(
    ["ARG V=1", "ARG W=$V-x", "FROM deb:$W AS deb", "FROM deb", "FROM ${NO:-scratch}"],
    undefined,
    {
      V: "2",
    },
  );
  expect(stages.map((stage) => stage.base)).toEqual([
    { kind: "image", reference: "deb:2-x" },
    { kind: "stage", index: 0 },
    { kind: "scratch" },
  ]);
  expect(() => plan(["ARG V", "FROM $V"])).toThrow("Dockerfile:2: FROM: the base image has no name");
});
