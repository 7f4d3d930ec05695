import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildResources, readHostFacts } from "./index.ts";
import { openConfigBench, type ConfigBench } from "./testing.ts";

// What the kernel of this machine makes of the less common limits, by the real runtime.

const host = readHostFacts();
const onV1 = host.cgroup.version === 1;
let tried: ConfigBench;
beforeAll(async () => {
  tried = await openConfigBench();
});
afterAll(() => tried[Symbol.asyncDispose]());

const [disk = "", number = ""] =
  Bun.spawnSync(["lsblk", "-dnpo", "NAME,MAJ:MIN"])
    .stdout.toString()
    .trim()
    .split("\n")
    .at(-1)
    ?.split(/\s+/) ?? [];
// A cgroup namespace of its own makes the container's cgroup the top.
const seen = (script: string, spec: Parameters<ConfigBench["run"]>[1] = {}) =>
  tried.run(script, { ...spec, namespaces: { ...spec.namespaces, cgroup: "private" } });

test("throttles of a disk are in the cgroup", async () => {
  const resources = {
    blkioDeviceReadBps: [{ path: disk, rate: 1 << 20 }],
    blkioDeviceWriteBps: [{ path: disk, rate: 2 << 20 }],
    blkioDeviceReadIops: [{ path: disk, rate: 100 }],
    blkioDeviceWriteIops: [{ path: disk, rate: 200 }],
  };
  const read = onV1
    ? "cd /sys/fs/cgroup/blkio; cat blkio.throttle.read_bps_device blkio.throttle.write_bps_device blkio.throttle.read_iops_device blkio.throttle.write_iops_device"
    : "cat /sys/fs/cgroup/io.max";
  const { output, warnings } = await seen(read, { resources });
  expect(warnings).toEqual([]);
  expect(output.split("\n")).toEqual(
    onV1
      ? [`${number} ${1 << 20}`, `${number} ${2 << 20}`, `${number} 100`, `${number} 200`]
      : [`${number} rbps=${1 << 20} wbps=${2 << 20} riops=100 wiops=200`],
  );
});

test.skipIf(!onV1)("limits change while it runs", async () => {
  const { task } = tried.configured({
    command: ["sleep", "1000"],
    resources: { memory: 64 << 20, blkioDeviceReadBps: [{ path: disk, rate: 1000 }] },
  });
  const { runtime } = tried.bench;
  await runtime.create(task);
  await runtime.start(task.id);
  const of = (controller: string, file: string) =>
    readFileSync(
      `/sys/fs/cgroup/${controller}${tried.bench.identity.cgroupParent}/${task.id}/${file}`,
      "utf8",
    ).trim();
  const { resources } = buildResources(
    {
      memory: 256 << 20,
      memorySwappiness: 7,
      cpuShares: 99,
      blkioDeviceReadBps: [{ path: disk, rate: 2000 }],
    },
    host,
  );
  await runtime.update(task.id, resources);
  expect([
    of("memory", "memory.limit_in_bytes"),
    of("memory", "memory.memsw.limit_in_bytes"),
    of("memory", "memory.swappiness"),
    of("cpu", "cpu.shares"),
    of("blkio", "blkio.throttle.read_bps_device"),
  ]).toEqual([String(256 << 20), String(512 << 20), "7", "99", `${number} 2000`]);
  await runtime.delete(task.id, true);
});

const realtime = onV1 && existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us");
test.skipIf(!realtime)("real-time shares on v1, out of the daemon's, which gives them back", async () => {
  const resources = { cpuRealtimePeriod: 1_000_000, cpuRealtimeRuntime: 20_000 };
  const { output } = await seen("cat /sys/fs/cgroup/cpu/cpu.rt_runtime_us", { resources });
  expect(output).toBe("20000");
  const parent = `/sys/fs/cgroup/cpu${tried.bench.identity.cgroupParent}/cpu.rt_runtime_us`;
  expect(readFileSync(parent, "utf8").trim()).toBe("0");
});

test.skipIf(!onV1)("swappiness and socket buffers on v1", async () => {
  const { output } = await seen(
    "cat /sys/fs/cgroup/memory/memory.swappiness /sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes",
    {
      resources: { memory: 64 << 20, memorySwappiness: 0, kernelMemoryTcp: 1 << 20 },
    },
  );
  expect(output.split("\n")).toEqual(["0", String(1 << 20)]);
});

test.skipIf(!onV1)("the OOM killer can be switched off on v1", async () => {
  const { output, warnings } = await seen("grep oom_kill_disable /sys/fs/cgroup/memory/memory.oom_control", {
    resources: { oomKillDisable: true },
  });
  expect([output, warnings.length]).toEqual(["oom_kill_disable 1", 1]);
});

test("a rule for devices opens what a container may make but not use", async () => {
  const script = "mknod /tmp/rule c 1 11 && (echo x > /tmp/rule) 2>&1; rm -f /tmp/rule; echo done";
  expect((await tried.run(script)).output).toContain("Operation not permitted");
  const allowed = { resources: { deviceCgroupRules: ["c 1:11 w"] } };
  expect((await tried.run(script, allowed)).output).toBe("done");
});

test("a folder of devices is there with all that is in it", async () => {
  const devices = [{ hostPath: "/dev/net", containerPath: "/dev/net", permissions: "rw" }];
  const { output } = await tried.run("ls /dev/net; test -c /dev/net/tun && echo node", {
    resources: { devices },
  });
  expect(output.split("\n")).toEqual([...readdirSync("/dev/net"), "node"]);
});

test("options of /proc are on its mount", async () => {
  const script = "grep -q hidepid=invisible /proc/mounts && echo hidden || echo shown";
  const hidden = await tried.run(script, { user: "app", security: { procOptions: ["hidepid=invisible"] } });
  expect(hidden.output).toBe("hidden");
  expect((await tried.run(script, { user: "app" })).output).toBe("shown");
});

test.skipIf(!onV1)("writable cgroups: the container makes one below its own", async () => {
  const script = "mkdir /sys/fs/cgroup/pids/inner 2>&1 && rmdir /sys/fs/cgroup/pids/inner && echo made";
  expect((await seen(script)).output).toContain("Read-only file system");
  expect((await seen(script, { security: { writableCgroups: true } })).output).toBe("made");
});

test("shared memory of another: the folder is its /dev/shm", async () => {
  const sharedMemory = join(tried.bench.identity.root, "shm");
  mkdirSync(sharedMemory);
  writeFileSync(join(sharedMemory, "note"), "from the other");
  expect(await tried.output("cat /dev/shm/note", {}, { sharedMemory })).toBe("from the other");
});

test("no more privileges: a set-user-id program stays what its caller is", async () => {
  const script = "grep NoNewPrivs /proc/self/status";
  expect(await tried.output(script, { security: { noNewPrivileges: true } })).toBe("NoNewPrivs:\t1");
});
