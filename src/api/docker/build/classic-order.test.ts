import { expect, test } from "bun:test";
import type { BuildEvent, BuildStep } from "../../../builds/index.ts";
import { classicOrder } from "./classic-order.ts";

const at = new Date(0);
const step = (number: number, text: string, more: Partial<BuildStep> = {}): BuildStep => ({
  id: `${text} ${number}`,
  kind: "instruction",
  name: text,
  text,
  inputs: [],
  number,
  total: 4,
  ...more,
});
const started = (one: BuildStep): BuildEvent => ({ kind: "started", step: one, at });
const output = (one: BuildStep, text: string): BuildEvent => {
  return { kind: "output", step: one, at, stream: "stdout", text };
};
const layer = (one: BuildStep, id: string, cached = false): BuildEvent => {
  return { kind: "layer", step: one, at, id, cached };
};
const finished = (one: BuildStep, error?: string): BuildEvent => {
  return { kind: "finished", step: one, at, cached: false, ...(error === undefined ? {} : { error }) };
};
function shown(events: readonly BuildEvent[]): string[] {
  const show = classicOrder();
  return events.map((event) =>
    (show(event) ?? []).map((line) => (line as { stream: string }).stream).join(""),
  );
}

test("what runs beside another step is held back until its turn", () => {
  const [a, b, c, d] = [step(1, "FROM a"), step(2, "RUN a"), step(3, "FROM b"), step(4, "RUN b")];
  const lines = shown([
    { kind: "planned", steps: [a, b, c, d] },
    started(c),
    started(a),
    layer(c, "cccccccccccccccc"),
    finished(c),
    layer(a, "aaaaaaaaaaaaaaaa"),
    finished(a),
    started(d),
    output(d, "from b\n"),
    started(b),
    output(b, "from a\n"),
    layer(b, "bbbbbbbbbbbbbbbb", true),
    finished(b),
    output(d, "more\n"),
  ]);
  expect(lines.filter((text) => text !== "")).toEqual([
    "Step 1/4 : FROM a\n",
    " ---> aaaaaaaaaaaa\n",
    "Step 2/4 : RUN a\n",
    "from a\n",
    " ---> Using cache\n ---> bbbbbbbbbbbb\n",
    "Step 3/4 : FROM b\n ---> cccccccccccc\nStep 4/4 : RUN b\nfrom b\n",
    "more\n",
  ]);
});

test("a step that fails is shown at once and nothing after it", () => {
  const [a, b] = [step(1, "RUN a"), step(2, "RUN b")];
  const lines = shown([
    { kind: "planned", steps: [a, b] },
    started(a),
    started(b),
    output(b, "oh\n"),
    finished(b, "failed"),
    output(a, "late\n"),
    finished(a, "cancelled"),
  ]);
  expect(lines).toEqual(["", "Step 1/4 : RUN a\n", "", "", "Step 2/4 : RUN b\noh\n", "", ""]);
});

test("triggers of a base belong to its FROM", () => {
  const from = step(1, "FROM a", { kind: "from" });
  const next = step(2, "RUN b");
  const triggers = [1, 2].map((index) => step(1, `RUN trigger ${index}`, { trigger: { index, count: 2 } }));
  const [one, two] = triggers as [BuildStep, BuildStep];
  const lines = shown([
    { kind: "planned", steps: [from, next] },
    started(from),
    { kind: "planned", steps: triggers },
    layer(from, "ffffffffffffffff"),
    finished(from),
    started(next),
    started(one),
    output(one, "first\n"),
    layer(one, "1111111111111111"),
    finished(one),
    started(two),
    layer(two, "2222222222222222", true),
    finished(two),
  ]);
  expect(lines.filter((text) => text !== "")).toEqual([
    "Step 1/4 : FROM a\n",
    "# Executing 2 build triggers\n",
    "first\n",
    " ---> Using cache\n ---> 222222222222\n",
    "Step 2/4 : RUN b\n",
  ]);
});

test("what a step says on stderr is red", () => {
  const run = step(1, "RUN x");
  const said: BuildEvent = { kind: "output", step: run, at, stream: "stderr", text: "careful\n" };
  const [, , line] = shown([{ kind: "planned", steps: [run] }, started(run), said]);
  expect(line).toBe("\u001B[91mcareful\n\u001B[0m");
});
