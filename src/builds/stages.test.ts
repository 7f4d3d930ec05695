import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { mountsBelow } from "../host/index.ts";
import type { BuildEvent } from "./build-event.ts";
import { testBuilds, type TestBuilds } from "./testing.ts";

let t: TestBuilds;
beforeAll(async () => void (t = await testBuilds()));
afterAll(async () => await t[Symbol.asyncDispose]());

/** Builds `lines` until it ends, or `enough` of what was told says so. */
async function follow(lines: readonly string[], enough: (output: string) => boolean = () => false) {
  const path = await t.context({});
  const stop = new AbortController();
  const events: BuildEvent[] = [];
  let output = "";
  const onEvent = (event: BuildEvent) => {
    events.push(event);
    if (event.kind === "output") output += event.text;
    if (enough(output)) stop.abort(new Error("enough"));
  };
  const request = { context: { kind: "directory", path }, dockerfileText: lines.join("\n") } as const;
  const error = await t.builds.build(request, { onEvent, signal: stop.signal }).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  const home = join(t.root, "builds");
  expect(existsSync(home) ? readdirSync(home) : []).toEqual([]);
  expect(mountsBelow(home)).toEqual([]);
  return { events, error, output };
}

test("stages that don't need each other run side by side", async () => {
  const lines = [
    "FROM busybox AS one",
    "RUN echo one is up && sleep 1000",
    "FROM busybox AS two",
    "RUN echo two is up && sleep 1000",
    "FROM busybox",
    "COPY --from=one /1 /",
    "COPY --from=two /2 /",
  ];
  // Each of the two would end this build never; that both have begun does.
  const { error } = await follow(lines, (text) => text.includes("one is up") && text.includes("two is up"));
  expect(error?.message).toBe("enough");
});

test("a stage that fails ends the others, and its error is the one that is told", async () => {
  const lines = [
    "FROM busybox AS endless",
    "RUN sleep 1000",
    "FROM busybox AS bad",
    "RUN echo last words && exit 3",
    "FROM busybox",
    "COPY --from=endless / /a",
    "COPY --from=bad / /b",
  ];
  const { error, events } = await follow(lines);
  expect(error?.message).toContain("returned a non-zero code: 3");
  const ends = events.flatMap((event) => (event.kind === "finished" ? [event] : []));
  const errors = Object.fromEntries(ends.map(({ step, error: text }) => [step.name, text]));
  expect(errors["[bad 2/2] RUN echo last words && exit 3"]).toContain("code: 3");
  // When it had begun by then.
  const endless = errors["[endless 2/2] RUN sleep 1000"];
  if (endless !== undefined) expect(endless).toBe("cancelled: another step has failed");
  const begun = events.flatMap((event) => (event.kind === "started" ? [event.step.id] : []));
  expect(ends.map(({ step }) => step.id).toSorted()).toEqual(begun.toSorted());
});

test("steps are planned with their inputs; they keep their ids; what is not needed is not told", async () => {
  const lines = [
    "FROM busybox AS unneeded",
    "RUN exit 1",
    "FROM busybox AS tools",
    "ENV A=1",
    "RUN echo tool $A > /tool",
    "FROM tools",
    "COPY --from=tools /tool /copy",
  ];
  const first = await follow(lines);
  const second = await follow(lines);
  const planOf = (events: readonly BuildEvent[]) =>
    events.flatMap((event) => (event.kind === "planned" ? event.steps : []));
  const steps = planOf(first.events);
  expect(planOf(second.events)).toEqual(steps);
  expect(steps.map(({ name, number, total }) => `${number}/${total} ${name}`)).toEqual([
    "1/5 [tools 1/2] FROM busybox AS tools",
    "2/5 [tools] ENV A=1",
    "3/5 [tools 2/2] RUN echo tool $A > /tool",
    "4/5 [stage-2 1/2] FROM tools",
    "5/5 [stage-2 2/2] COPY --from=tools /tool /copy",
  ]);
  const [from, env, run, last] = steps;
  expect(steps.map((step) => step.inputs)).toEqual([
    [],
    [from!.id],
    [env!.id],
    [run!.id],
    [last!.id, run!.id],
  ]);
  const cached = second.events.flatMap((event) =>
    event.kind === "finished" && event.cached ? [event.step.number] : [],
  );
  expect(cached).toEqual([2, 3, 5]);
});
