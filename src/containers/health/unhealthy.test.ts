import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { testContainers, type TestContainers } from "../testing.ts";

const second = 1_000_000_000;
const label = { "virga.restart-unhealthy": "true" };

describe("a container that is to be restarted when unhealthy", () => {
  let on: TestContainers;
  let exitCode: number;
  beforeEach(async () => {
    on = await testContainers();
    exitCode = 1;
    on.runtime.onExec = () => ({ exitCode, output: "no answer" });
  });
  afterEach(() => on[Symbol.asyncDispose]());

  async function run(labels: Record<string, string> = label): Promise<string> {
    const healthcheck = { Test: ["CMD", "check"], Interval: second, Retries: 1 };
    const { container } = await on.containers.create({ image: "busybox", healthcheck, labels });
    await on.containers.start(container.id);
    return container.id;
  }
  const status = (id: string) => on.containers.get(id).state.status;
  const restarts = (id: string) => on.containers.get(id).restartCount;
  /** Lets the probe that is due come, and what follows from it. */
  async function probe(): Promise<void> {
    const before = on.runtime.execs.length;
    await on.settle();
    await on.clock.advance(1000);
    await on.until(() => on.runtime.execs.length > before);
    await on.settle();
  }

  test("is ended in good order and started again, and the event says why", async () => {
    const id = await run();
    await probe();
    await on.until(() => status(id) === "restarting");
    expect(on.runtime.calls).toContain(`kill ${id.slice(0, 4)} 15`);
    await on.clock.advance(100);
    await on.until(() => on.events.at(-1) === "restart");
    expect(status(id)).toBe("running");
    expect(restarts(id)).toBe(1);
    const told = on.events.slice(2).filter((one) => !one.startsWith("exec_"));
    expect(told).toEqual(["health_status: unhealthy", "kill", "die", "start", "restart"]);
    expect(on.seen.at(-1)!.attributes).toMatchObject({ reason: "unhealthy", probeOutput: "no answer" });
    expect(on.containers.get(id).health!.status).toBe("starting");
  });

  test("waits twice as long each time, until its check has succeeded in between", async () => {
    const id = await run();
    for (const delay of [100, 200, 400]) {
      await probe();
      await on.until(() => status(id) === "restarting");
      await on.clock.advance(delay - 1);
      await on.settle();
      expect(status(id)).toBe("restarting");
      await on.clock.advance(1);
      await on.until(() => status(id) === "running");
    }
    exitCode = 0;
    await probe();
    exitCode = 1;
    await probe();
    await on.until(() => status(id) === "restarting");
    await on.clock.advance(100);
    await on.until(() => status(id) === "running");
  });

  test("stays down when somebody stops it meanwhile", async () => {
    const id = await run();
    on.runtime.onSignal = () => {};
    await probe();
    const stopped = on.containers.stop(id);
    on.runtime.exit(id, 0);
    expect(await stopped).toEqual({});
    await on.clock.advance(60_000);
    await on.settle();
    expect(status(id)).toBe("exited");
  });

  test("comes up also when the daemon dies between its end and its start", async () => {
    const id = await run();
    on.runtime.onSignal = () => {};
    await probe();
    await on.until(() => on.runtime.calls.includes(`kill ${id.slice(0, 4)} 15`));
    const crashed = on.crash();
    on.runtime.exit(id, 143);
    await crashed;
    await on.clock.advance(100);
    await on.until(() => status(id) === "running");
  });

  test("is left alone without the label, and a wrong value is refused", async () => {
    const id = await run({ "virga.restart-unhealthy": "false" });
    await probe();
    await on.until(() => on.containers.get(id).health!.status === "unhealthy");
    await on.settle();
    expect(status(id)).toBe("running");
    expect(run({ "virga.restart-unhealthy": "maybe" })).rejects.toThrow("must be true or false");
  });

  test("without a health check the label is warned of", async () => {
    const { warnings } = await on.containers.create({ image: "busybox", labels: label });
    expect(warnings).toEqual([
      "label virga.restart-unhealthy has no effect: the container has no health check",
    ]);
  });
});
