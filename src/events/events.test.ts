import { expect, test } from "bun:test";
import { ManualClock } from "../base/index.ts";
import { openState } from "../state/index.ts";
import type { VirgaEvent } from "./event.ts";
import { createEvents, eventMigrations } from "./events.ts";

function setUp() {
  const clock = new ManualClock();
  const state = openState(":memory:", eventMigrations);
  return { clock, state, events: createEvents(state, clock) };
}

async function take(source: AsyncIterable<VirgaEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const event of source) {
    taken.push(`${event.type} ${event.action} ${event.id}`);
    if (taken.length === count) break;
  }
  return taken;
}

test("a subscriber gets what was logged since a time, then what comes", async () => {
  const { clock, events } = setUp();
  events.emit("container", "create", "old");
  await clock.advance(1000);
  const since = BigInt(clock.now().getTime() - 500) * 1_000_000n;
  events.emit("container", "start", "a", { name: "web" });
  const source = events.subscribe({ sinceNs: since }, new AbortController().signal);
  const taking = take(source, 2);
  await Promise.resolve();
  events.emit("network", "connect", "n");
  expect(await taking).toEqual(["container start a", "network connect n"]);
});

test("filters, and ends at the end time without another event", async () => {
  const { clock, events } = setUp();
  const untilNs = BigInt(clock.now().getTime() + 5000) * 1_000_000n;
  const onlyImages = (event: VirgaEvent) => event.type === "image";
  const taking = take(events.subscribe({ untilNs, accept: onlyImages }, new AbortController().signal), 9);
  await Promise.resolve();
  events.emit("image", "tag", "i");
  events.emit("volume", "create", "v");
  await clock.advance(6000);
  expect(await taking).toEqual(["image tag i"]);
});

test("times grow strictly, also within a millisecond, and the log outlives the process", async () => {
  const { clock, state, events } = setUp();
  events.emit("container", "create", "a");
  events.emit("container", "start", "a");
  const again = createEvents(state, clock);
  again.emit("container", "die", "a", { exitCode: "0" });
  const stop = new AbortController();
  const all: VirgaEvent[] = [];
  for await (const event of again.subscribe({ sinceNs: 0n }, stop.signal)) {
    all.push(event);
    if (all.length === 3) stop.abort();
  }
  expect(all.map((event) => event.sequence)).toEqual([1, 2, 3]);
  expect(all[1]!.timeNs).toBeGreaterThan(all[0]!.timeNs);
  expect(all[2]!.attributes).toEqual({ exitCode: "0" });
});

test("an event that the log cannot take is told all the same", async () => {
  const { state, events } = setUp();
  const source = events.subscribe({}, new AbortController().signal);
  const taking = take(source, 1);
  await Promise.resolve();
  state.db.run("DROP TABLE events");
  events.emit("container", "die", "a");
  expect(await taking).toEqual(["container die a"]);
});
