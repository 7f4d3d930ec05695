import { expect, test } from "bun:test";
import type { Progress } from "../base/index.ts";
import type { BuildEvent, BuildStep } from "./build-event.ts";
import { stageReport } from "./stage-report.ts";

const at = new Date(0);
const step = (stage: string | undefined, text: string, index: number, count: number): BuildStep => ({
  id: `${stage} ${text}`,
  kind: "instruction",
  name: text,
  text,
  inputs: [],
  place: { index, count },
  ...(stage === undefined ? {} : { stage }),
});

function told(events: readonly BuildEvent[]): string[] {
  const all: string[] = [];
  const tell = stageReport("image app", ({ task, message, current, total, outcome, output }: Progress) => {
    const place = current === undefined ? "" : `${current}/${total} `;
    all.push(`${task}: ${place}${output ?? message}${outcome ? ` (${outcome})` : ""}`);
  });
  events.forEach(tell);
  return all;
}

test("a line for each stage; a step is told when it is known whether the cache has it", () => {
  const [a, b] = [step("one", "FROM x", 1, 2), step("one", "RUN a", 2, 2)];
  const bad = step("two", "RUN b", 1, 1);
  const env: BuildStep = {
    id: "env",
    kind: "instruction",
    name: "ENV",
    text: "ENV",
    inputs: [],
    setting: true,
  };
  const lines = told([
    { kind: "planned", steps: [a, { ...env, stage: "one" }, b, bad] },
    { kind: "started", step: a, at },
    { kind: "layer", step: a, at, id: "1", cached: true },
    { kind: "finished", step: a, at, cached: true },
    { kind: "started", step: { ...env, stage: "one" }, at },
    { kind: "finished", step: { ...env, stage: "one" }, at, cached: false },
    { kind: "started", step: b, at },
    { kind: "working", step: b, at },
    { kind: "output", step: b, at, stream: "stdout", text: "words" },
    { kind: "started", step: bad, at },
    { kind: "finished", step: b, at, cached: false },
    { kind: "finished", step: bad, at, cached: false, error: "it failed" },
  ]);
  expect(lines).toEqual([
    "image app [one]: 1/2 (cached) FROM x",
    "image app [one]: 2/2 RUN a",
    "image app [one]: words",
    "image app [one]: 2 steps, 1 of them cached (done)",
    "image app [two]: 1/1 RUN b",
    "image app [two]: RUN b (failed)",
  ]);
});

test("a single stage without a name is the image's own line, which somebody else ends", () => {
  const only = step(undefined, "RUN a", 1, 1);
  const lines = told([
    { kind: "planned", steps: [only] },
    { kind: "started", step: only, at },
    { kind: "finished", step: only, at, cached: false },
  ]);
  expect(lines).toEqual(["image app: 1/1 RUN a"]);
});
