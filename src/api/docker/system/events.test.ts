import { expect, test } from "bun:test";
import type { EventFilter } from "../../../events/index.ts";
import { testApi } from "../testing.ts";

test("the docker CLI that asks for starts alone is told of those that have just been, and nobody else", async () => {
  const asked: EventFilter[] = [];
  const subscribe = (filter: EventFilter) => {
    asked.push(filter);
    return new ReadableStream({ start: (stream) => stream.close() }).values();
  };
  await using api = await testApi({ events: { emit: () => {}, subscribe } as never });
  const cli = "Docker-Client/28.5.2 (linux)";
  const since = async (filters: object, agent: string, more = "") => {
    const path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}${more}`;
    await (await api.app.request(path, { headers: { "user-agent": agent } })).text();
    return asked.pop()!.sinceNs;
  };
  const now = BigInt(api.parts.clock.now().getTime()) * 1_000_000n;
  const starts = { event: { start: true } };
  expect(await since(starts, cli)).toBe(now - 2_000_000_000n);
  expect(await since(starts, cli, "&since=5")).toBe(4_999_999_999n);
  expect(await since(starts, "docker-py")).toBeUndefined();
  expect(await since({ event: { start: true, die: true } }, cli)).toBeUndefined();
  expect(await since({ ...starts, container: { web: true } }, cli)).toBeUndefined();
});
