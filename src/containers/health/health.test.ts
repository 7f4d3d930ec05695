import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { goDuration, healthAfter, healthCheckOf, type HealthCheck, type Probe } from "./health.ts";
import type { Health } from "../container.ts";
import { testContainers, type TestContainers } from "../testing.ts";

const second = 1_000_000_000;

describe("healthCheckOf", () => {
  test("Docker's defaults", () => {
    expect(healthCheckOf({ Healthcheck: { Test: ["CMD", "true"] } })).toEqual({
      command: ["true"],
      intervalMs: 30_000,
      timeoutMs: 30_000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
    });
  });

  test("a shell command runs in the image's shell", () => {
    const Healthcheck = { Test: ["CMD-SHELL", "exit 1"] };
    expect(healthCheckOf({ Healthcheck })!.command).toEqual(["/bin/sh", "-c", "exit 1"]);
    expect(healthCheckOf({ Healthcheck, Shell: ["/bin/ash", "-ec"] })!.command).toEqual([
      "/bin/ash",
      "-ec",
      "exit 1",
    ]);
  });

  test("none", () => {
    expect(healthCheckOf({})).toBeUndefined();
    expect(healthCheckOf({ Healthcheck: { Test: ["NONE"] } })).toBeUndefined();
    expect(healthCheckOf({ Healthcheck: { Interval: second } })).toBeUndefined();
  });
});

describe("healthAfter", () => {
  const check = { startPeriodMs: 10_000, retries: 2 } as HealthCheck;
  const startedAt = new Date(0);
  const probe = (atMs: number, exitCode: number): Probe => ({
    start: new Date(atMs),
    end: new Date(atMs),
    exitCode,
    output: "",
  });
  const after = (probes: Probe[]) =>
    probes.reduce<Health>((health, one) => healthAfter(check, health, one, startedAt), {
      status: "starting",
      failingStreak: 0,
      log: [],
    });

  test("failures in the start period do not count, until it was healthy once", () => {
    expect(after([probe(1, 1), probe(2, 1), probe(3, 1)])).toMatchObject({
      status: "starting",
      failingStreak: 0,
    });
    expect(after([probe(1, 0), probe(2, 1), probe(3, 1)])).toMatchObject({
      status: "unhealthy",
      failingStreak: 2,
    });
    expect(after([probe(1, 1), probe(10_001, 1)])).toMatchObject({ status: "starting", failingStreak: 1 });
  });

  test("one success makes it healthy; the last five probes are kept", () => {
    const health = after([20, 21, 22, 23, 24, 25, 26].map((at) => probe(at * 1000, at === 26 ? 0 : 1)));
    expect(health).toMatchObject({ status: "healthy", failingStreak: 0 });
    expect(health.log.map((one) => one.start.getTime() / 1000)).toEqual([22, 23, 24, 25, 26]);
  });
});

describe("a running container", () => {
  let on: TestContainers;
  beforeEach(async () => void (on = await testContainers()));
  afterEach(() => on[Symbol.asyncDispose]());

  async function run(healthcheck: object): Promise<string> {
    const { container } = await on.containers.create({ image: "busybox", healthcheck });
    await on.containers.start(container.id);
    return container.id;
  }
  const health = (id: string) => on.containers.get(id).health!;
  const healthEvents = () => on.events.filter((event) => event.startsWith("health"));
  /** Moves on by `ms` and waits for the probe that is due then. */
  async function probeAfter(id: string, ms: number): Promise<void> {
    const last = () => health(id).log.at(-1)?.start.getTime() ?? 0;
    const before = last();
    await on.settle();
    await on.clock.advance(ms);
    await on.until(() => last() > before);
  }

  test("is probed, becomes unhealthy and healthy again, and says so once each", async () => {
    let exitCode = 1;
    on.runtime.onExec = () => ({ exitCode, output: `exit ${exitCode}` });
    const id = await run({ Test: ["CMD", "check"], Interval: 2 * second, Retries: 2 });
    expect(health(id)).toEqual({ status: "starting", failingStreak: 0, log: [] });
    await probeAfter(id, 2000);
    expect(health(id)).toMatchObject({ status: "starting", failingStreak: 1 });
    await probeAfter(id, 2000);
    expect(health(id).status).toBe("unhealthy");
    exitCode = 0;
    await probeAfter(id, 2000);
    expect(health(id)).toMatchObject({ status: "healthy", failingStreak: 0 });
    expect(health(id).log.map((one) => one.output)).toEqual(["exit 1", "exit 1", "exit 0"]);
    await probeAfter(id, 2000);
    expect(healthEvents()).toEqual(["health_status: unhealthy", "health_status: healthy"]);
  });

  test("of a probe that took too long is told how long it had, and what it said", async () => {
    on.runtime.onExec = () => ({ exitCode: new Promise(() => {}), output: "so far" });
    const id = await run({ Test: ["CMD", "hang"], Interval: second, Timeout: second / 20, Retries: 1 });
    await on.clock.advance(1000);
    await on.until(() => on.runtime.execs.length === 1);
    await on.clock.advance(50);
    await on.until(() => health(id).log.length === 1);
    expect(health(id).log[0]!.output).toBe("Health check exceeded timeout (50ms): so far");
    expect([1500, 60_000, 90_000, 3_600_000].map(goDuration)).toEqual(["1.5s", "1m0s", "1m30s", "1h0m0s"]);
  });

  test("a probe that takes too long is killed, and its output is capped", async () => {
    on.runtime.onExec = () => ({ exitCode: new Promise(() => {}) });
    const id = await run({ Test: ["CMD", "hang"], Interval: second, Timeout: 3 * second, Retries: 1 });
    await on.clock.advance(1000);
    await on.until(() => on.runtime.execs.length === 1);
    await on.clock.advance(3000);
    await on.until(() => health(id).status === "unhealthy");
    expect(on.runtime.calls).toContain(`killExec ${id.slice(0, 4)} 9`);
    expect(health(id).log[0]).toMatchObject({ exitCode: -1, output: "Health check exceeded timeout (3s)" });
    on.runtime.onExec = () => ({ exitCode: 0, output: "x".repeat(10_000) });
    await probeAfter(id, 1000);
    expect(health(id).log[1]!.output).toHaveLength(4096);
  });

  test("the start interval holds while it starts", async () => {
    let exitCode = 1;
    on.runtime.onExec = () => ({ exitCode });
    const id = await run({
      Test: ["CMD", "check"],
      Interval: 60 * second,
      StartPeriod: 30 * second,
      StartInterval: second,
    });
    await probeAfter(id, 1000);
    exitCode = 0;
    await probeAfter(id, 1000);
    expect(health(id).status).toBe("healthy");
    await on.settle();
    await on.clock.advance(59_000);
    await on.settle();
    expect(health(id).log).toHaveLength(2);
    await probeAfter(id, 1000);
    expect(health(id).log).toHaveLength(3);
  });

  test("an end stops it, a pause holds it, a daemon restart takes it up again", async () => {
    const id = await run({ Test: ["CMD", "check"], Interval: second });
    await on.containers.pause(id);
    await on.clock.advance(5000);
    await on.settle();
    expect(on.runtime.execs).toHaveLength(0);
    await on.containers.resume(id);
    await on.crash();
    await probeAfter(id, 1000);
    expect(health(id).status).toBe("healthy");
    on.runtime.exit(id, 0);
    await on.settle();
    const probes = on.runtime.execs.length;
    await on.clock.advance(10_000);
    await on.settle();
    expect(on.runtime.execs).toHaveLength(probes);
    const last = health(id);
    expect(last).toMatchObject({ status: "unhealthy", failingStreak: 0, log: [{ exitCode: 0 }] });
    await on.crash();
    expect(health(id)).toEqual(last);
    await on.containers.start(id);
    expect(health(id)).toEqual({ status: "starting", failingStreak: 0, log: [] });
  });
});
