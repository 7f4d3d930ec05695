import { describe, expect, test } from "bun:test";
import type { Container } from "../../../containers/index.ts";
import { encodeState, humanDuration, statusText } from "./status.ts";

const second = 1000;
const [minute, hour, day] = [60 * second, 3600 * second, 86400 * second];

describe("humanDuration", () => {
  test.each([
    [500, "Less than a second"],
    [second, "1 second"],
    [59 * second, "59 seconds"],
    [minute, "About a minute"],
    [3 * minute, "3 minutes"],
    [50 * minute, "50 minutes"],
    [hour, "About an hour"],
    [5 * hour, "5 hours"],
    [3 * day, "3 days"],
    [20 * day, "2 weeks"],
    [70 * day, "2 months"],
    [800 * day, "2 years"],
  ])("%d ms", (ms, text) => expect(humanDuration(ms)).toBe(text));
});

describe("status", () => {
  const now = new Date(10 * minute);
  const container = (state: object, more: object = {}) => ({ state, ...more }) as unknown as Container;
  const running = { status: "running", pid: 7, startedAt: new Date(7 * minute), paused: false };
  const ended = { startedAt: new Date(0), finishedAt: new Date(10 * minute - 2 * second), exitCode: 3 };

  test("texts", () => {
    expect(statusText(container(running), now)).toBe("Up 3 minutes");
    const health = { status: "healthy", failingStreak: 0, log: [] };
    expect(statusText(container(running, { health }), now)).toBe("Up 3 minutes (healthy)");
    expect(statusText(container({ ...running, paused: true }), now)).toBe("Up 3 minutes (Paused)");
    expect(statusText(container({ status: "exited", oomKilled: false, ...ended }), now)).toBe(
      "Exited (3) 2 seconds ago",
    );
    expect(statusText(container({ status: "restarting", ...ended }), now)).toBe(
      "Restarting (3) 2 seconds ago",
    );
    expect(statusText(container({ status: "created" }), now)).toBe("Created");
  });

  test("a restarting container counts as running, with its last exit code", () => {
    expect(encodeState(container({ status: "restarting", ...ended }))).toMatchObject({
      Status: "restarting",
      Running: true,
      Restarting: true,
      ExitCode: 3,
    });
  });
});
