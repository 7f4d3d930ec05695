import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { ManualClock } from "../../base/index.ts";
import { failureOf } from "../testing.ts";
import { createTreeWorkers } from "./pool.ts";

const flush = { kind: "flush", path: tmpdir() } as const;

function children(): string[] {
  const found = Bun.spawnSync(["ps", "-o", "pid=,args=", "--ppid", String(process.pid)]).stdout.toString();
  return found.split("\n").filter((line) => line.includes("worker/main.ts"));
}

test("keeps an idle worker for the next job, and ends it after a while", async () => {
  const clock = new ManualClock();
  const workers = createTreeWorkers({ clock, idle: 1000 });
  await workers.run(flush);
  const [first] = children();
  await clock.advance(900);
  await workers.run(flush);
  expect(children()).toEqual([first!]);
  await clock.advance(900);
  expect(children()).toEqual([first!]);
  await clock.advance(200);
  const pid = first!.trim().split(" ")[0];
  for (let tries = 0; existsSync(`/proc/${pid}`) && tries < 200; tries++) await Bun.sleep(5);
  expect(children()).toEqual([]);
  await workers.close();
});

test("a job that fails costs its worker, not the next job", async () => {
  const workers = createTreeWorkers({ clock: new ManualClock() });
  const failed = await failureOf(workers.run({ kind: "flush", path: "/no/such/path" }));
  expect(failed).toMatchObject({ kind: "internal" });
  await workers.run(flush);
  expect(children()).toHaveLength(1);
  await workers.close();
  expect(children()).toEqual([]);
  expect(await failureOf(workers.run(flush))).toMatchObject({ kind: "cancelled" });
});

test("a worker that can't start, or dies, is told as such", async () => {
  const workers = createTreeWorkers({ clock: new ManualClock(), command: ["/bin/false"] });
  expect(await failureOf(workers.run(flush))).toMatchObject({ code: "layer.worker-ended" });
  await workers.close();
});

test("a worker that was killed while it was idle is replaced", async () => {
  const workers = createTreeWorkers({ clock: new ManualClock() });
  await workers.run(flush);
  const pid = Number(children()[0]!.trim().split(" ")[0]);
  process.kill(pid, "SIGKILL");
  for (let tries = 0; existsSync(`/proc/${pid}`) && tries < 200; tries++) await Bun.sleep(5);
  await workers.run(flush);
  await workers.close();
});

test("workers die with their daemon, however it ends", async () => {
  const script = `
    const { createTreeWorkers } = await import("${import.meta.dir}/pool.ts");
    const { systemClock } = await import("${import.meta.dir}/../../base/index.ts");
    const workers = createTreeWorkers({ clock: systemClock });
    await workers.run({ kind: "flush", path: "/tmp" });
    console.log(require("node:child_process").execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(process.pid)]).toString());
    await Bun.sleep(60_000);`;
  const daemon = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await daemon.stdout.getReader().read();
  const line = Buffer.from(value!)
    .toString()
    .split("\n")
    .find((one) => one.includes("worker/main.ts"));
  const pid = line!.trim().split(" ")[0];
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  daemon.kill("SIGKILL");
  await daemon.exited;
  for (let tries = 0; existsSync(`/proc/${pid}`) && tries < 400; tries++) await Bun.sleep(5);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
