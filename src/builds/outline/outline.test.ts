import { expect, test } from "bun:test";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { planBuild } from "../evaluation/plan.ts";
import { globalArguments } from "../evaluation/variables.ts";
import type { ReadBuild } from "../read-build.ts";
import { outlineOf } from "./outline.ts";

function outline(text: string, options: { readonly target?: string; readonly args?: object } = {}) {
  const dockerfile = parseDockerfile(text, "Dockerfile");
  const passed = new Map<string, string>(Object.entries(options.args ?? {}));
  const global = globalArguments(dockerfile.args, passed, {}, dockerfile.escape);
  const plan = planBuild(dockerfile, options.target, global);
  return outlineOf({ dockerfile, global, plan } as ReadBuild);
}

const text = `ARG inherited=box
ARG unused=abc
# sfx is a suffix
ARG sfx="usy\${inherited}"
FROM b\${sfx} AS first
# not assigned
ARG FOO=123
# BAR is a number
ARG BAR=\${FOO}4
RUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true
FROM alpine\${unused} AS second
RUN --mount=type=secret,id=unused true
FROM scratch AS third
ARG inherited
ENV E=\${inherited}
ARG LATE=\${E}
# check=skip=all
# Target defines nothing
FROM third AS target
RUN --mount=type=secret,id=s\${E} \\
  true
COPY --from=first /a /
# target is the last
FROM second AS target2
`;

test("what a target asks for, in the order of the file", () => {
  const { name, args, secrets, ssh } = outline(text, { target: "target", args: { FOO: "9" } });
  expect(name).toBe("target");
  expect(args.map((one) => [one.start, one.name, one.value, one.description])).toEqual([
    [1, "inherited", "box", ""],
    [4, "sfx", "usybox", "is a suffix"],
    [7, "FOO", "9", ""],
    [9, "BAR", "94", "is a number"],
    [16, "LATE", "box", ""],
  ]);
  expect(secrets).toEqual([
    { name: "passwd", required: true, start: 10, end: 10 },
    { name: "sbox", required: false, start: 20, end: 21 },
  ]);
  expect(ssh).toEqual([{ name: "default", required: false, start: 10, end: 10 }]);
});

test("an argument that is defined by itself counts with its last value", () => {
  const again = "ARG A=1\nARG B=b\nARG A=$A$B\nFROM scratch\nARG A\nARG C=2\nARG C=${C}3\n";
  expect(outline(again).args.map((one) => [one.name, one.value])).toEqual([
    ["B", "b"],
    ["A", "1b"],
    ["C", "23"],
  ]);
});

test("the targets", () => {
  const { targets } = outline(text);
  expect(targets.map((one) => [one.name, one.base, one.isDefault, one.start])).toEqual([
    ["first", "b${sfx}", false, 5],
    ["second", "alpine${unused}", false, 11],
    ["third", "scratch", false, 13],
    ["target", "third", false, 19],
    ["target2", "second", true, 24],
  ]);
});
