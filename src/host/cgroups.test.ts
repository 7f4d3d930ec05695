import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, systemClock } from "../base/index.ts";
import {
  cgroupFolder,
  cgroupProcesses,
  isFrozen,
  oomKills,
  readCgroupFacts,
  removeCgroup,
  warmUpCgroupMoves,
} from "./cgroups.ts";

const facts = readCgroupFacts();
const outcome = (removal: Promise<void>) => removal.then(() => "removed", messageOf);

describe("what is mounted", () => {
  const line = (target: string, type: string, options: string) =>
    `30 20 0:1 / ${target} rw,relatime shared:9 - ${type} ${type} ${options}`;

  test("version 1, some controllers together", () => {
    const read = readCgroupFacts(
      [
        line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
        line("/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
        line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd"),
      ].join("\n"),
    );
    expect([read.version, read.hybrid]).toEqual([1, false]);
    expect([...read.controllers]).toEqual(["cpu", "cpuacct", "memory"]);
    expect(cgroupFolder(read, "cpuacct", "/a/b")).toBe("/sys/fs/cgroup/cpu,cpuacct/a/b");
    expect(cgroupFolder(read, "pids", "/a/b")).toBeUndefined();
    expect(read.hierarchies).toHaveLength(3);
  });

  test("hybrid counts as version 1", () => {
    const read = readCgroupFacts(
      [
        line("/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
        line("/sys/fs/cgroup/unified", "cgroup2", "rw"),
      ].join("\n"),
    );
    expect([read.version, read.hybrid]).toEqual([1, true]);
  });

  test("version 2, with the states that it keeps in files", () => {
    const top = mkdtempSync(join(tmpdir(), "virga-cgroup2-"));
    try {
      writeFileSync(join(top, "cgroup.controllers"), "cpuset cpu io memory pids\n");
      const read = readCgroupFacts(line(top, "cgroup2", "rw,nsdelegate"));
      expect([read.version, read.ioWeight, read.controllers.has("blkio")]).toEqual([2, true, true]);
      const folder = join(top, "parent/one");
      mkdirSync(join(folder, "inner"), { recursive: true });
      writeFileSync(join(folder, "cgroup.procs"), "12\n7\n");
      writeFileSync(join(folder, "inner/cgroup.procs"), "9\n0\n");
      writeFileSync(join(folder, "cgroup.events"), "populated 1\nfrozen 1\n");
      writeFileSync(join(folder, "memory.events"), "low 0\noom 3\noom_kill 2\n");
      expect(cgroupProcesses(read, "/parent/one")).toEqual([7, 9, 12]);
      expect(isFrozen(read, "/parent/one")).toBe(true);
      expect(oomKills(read, "/parent/one")).toBe(2);
      expect([cgroupProcesses(read, "/gone"), isFrozen(read, "/gone"), oomKills(read, "/gone")]).toEqual([
        [],
        false,
        0,
      ]);
    } finally {
      rmSync(top, { recursive: true });
    }
  });

  test("none at all is a precondition", () => {
    expect(() => readCgroupFacts(line("/", "ext4", "rw"))).toThrow("no cgroup filesystem is mounted");
  });
});

test("a cgroup with children goes from every hierarchy; one that has a process stays, and is told", async () => {
  const parent = `/virga-test-${crypto.randomUUID().slice(0, 8)}`;
  const path = `${parent}/one`;
  const folders = facts.hierarchies.map((top) => join(top, path));
  for (const folder of folders) mkdirSync(join(folder, "inner"), { recursive: true });
  const child = Bun.spawn(["sleep", "1000"]);
  try {
    const pids = cgroupFolder(facts, "pids", `${path}/inner`)!;
    writeFileSync(join(pids, "cgroup.procs"), String(child.pid));
    expect(cgroupProcesses(facts, path)).toEqual([child.pid]);
    const impatient = { ...systemClock, sleep: () => Promise.resolve() };
    expect(await outcome(removeCgroup(facts, path, impatient))).toContain("still has processes");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    await removeCgroup(facts, parent, systemClock);
  }
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
});

test("a cgroup that is not a daemon's own is not removed, however the path is written", async () => {
  // Never the machine's own hierarchies: should the check be wrong, folders of a temporary one go.
  const top = mkdtempSync(join(tmpdir(), "virga-cgroup-"));
  mkdirSync(join(top, "system.slice/sshd"), { recursive: true });
  const pretended = { ...facts, hierarchies: [top] };
  const paths = [
    "",
    "/",
    "/system.slice",
    "system.slice",
    "/virga-",
    "/virga-a/..",
    "/virga-a/../system.slice",
  ];
  for (const path of [
    ...paths,
    "/virga-a/./b",
    "/virga-a//b",
    "/virga-a/",
    "/virga",
    "/system.slice/virga-a",
  ]) {
    expect(await outcome(removeCgroup(pretended, path, systemClock))).toContain("refusing to remove");
  }
  expect(existsSync(join(top, "system.slice/sshd"))).toBe(true);
  rmSync(top, { recursive: true });
});

test("warming up changes no cgroup", async () => {
  const own = () => Bun.spawnSync(["cat", `/proc/${process.pid}/cgroup`]).stdout.toString();
  const before = own();
  await warmUpCgroupMoves(facts);
  expect(own()).toBe(before);
});
