import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "../base/index.ts";
import { readProcess, type CgroupFacts } from "../host/index.ts";
import { ExitWatch } from "./exits.ts";
import type { TaskRecord } from "./records.ts";

test("the late end of a task's monitor says nothing of the next task with the same id", () => {
  const folder = mkdtempSync(join(tmpdir(), "exits-"));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const exits = join(folder, "exits");
  mkdirSync(exits);
  const alive = { pid: process.pid, startTime: readProcess(process.pid)!.startTime };
  const ended = { pid: process.pid, startTime: -1 };
  const task = { id: "one", bundle: folder, cgroup: "/none", boot: "now" } as TaskRecord;
  const before: TaskRecord = { ...task, process: ended, monitor: ended };
  let record: TaskRecord = before;
  using watch = new ExitWatch({
    layout: { tasks: folder, exits, record: () => "", exit: (id) => join(exits, id), runtimeRoot: () => "" },
    records: {
      get: () => record,
      require: () => record,
      list: () => [],
      save: () => {},
      remove: () => {},
    },
    facts: { version: 2, mounts: new Map() } as unknown as CgroupFacts,
    boot: "now",
    clock: systemClock,
    logger: silentLogger,
    onScan: () => {},
  });
  const told: number[] = [];
  watch.onExit((_id, { exitCode }) => told.push(exitCode));

  record = { ...task, process: alive, monitor: alive };
  watch.check(before);
  expect(told).toEqual([]);
  expect(existsSync(join(exits, "one"))).toBe(false);

  record = { ...before };
  watch.check(before);
  expect(told).toEqual([255]);
});
