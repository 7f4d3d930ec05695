import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isVirgaError } from "../../base/index.ts";
import type { ResourceSpec, SecuritySpec } from "../spec.ts";
import { confine } from "./confinement.ts";
import { buildDevices, parseDeviceRule } from "./devices.ts";
import { buildResources } from "./index.ts";
import { maskedPaths, thermalPaths } from "./paths.ts";

// Limits as cgroup v1 has them, in a folder that looks like its hierarchies, and as v2 has them.

const top = mkdtempSync("/tmp/virga-limits-");
afterAll(() => rmSync(top, { recursive: true, force: true }));
const files = [
  "memory/memory.swappiness", "memory/memory.kmem.tcp.limit_in_bytes", "cpu/cpu.rt_runtime_us",
  "blkio/blkio.throttle.read_bps_device", "blkio/blkio.throttle.write_iops_device", "blkio/blkio.weight_device",
]; // prettier-ignore
for (const file of files) {
  mkdirSync(join(top, file, ".."), { recursive: true });
  writeFileSync(join(top, file), "");
}
const controllers = new Set("cpu cpuset memory pids blkio devices freezer".split(" "));
const common = { hybrid: false, controllers, swapAccounting: true, ioWeight: true, hierarchies: [] };
const v1 = {
  cpus: 4,
  cgroup: {
    ...common,
    version: 1 as const,
    mounts: new Map([...controllers].map((name) => [name, join(top, name)])),
  },
};
const v2 = { cpus: 4, cgroup: { ...common, version: 2 as const, mounts: new Map<string, string>() } };

/** A block device of this machine, and its number as OCI has it. */
const disk = Bun.spawnSync(["lsblk", "-dnpo", "NAME,MAJ:MIN"])
  .stdout.toString()
  .trim()
  .split("\n")[0]!
  .split(/\s+/);
const path = disk[0]!;
const [major, minor] = disk[1]!.split(":").map(Number);

function refusal(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return isVirgaError(error) ? `${error.kind}: ${error.message}` : `not ours: ${String(error)}`;
  }
}

describe("limits on v1 and v2", () => {
  const cases: [string, ResourceSpec, object, object, string[]][] = [
    ["swappiness", { memorySwappiness: 0 }, { memory: { swappiness: 0 } }, {}, ["memory swappiness capabilities"]],
    ["socket buffers", { kernelMemoryTcp: 9 }, { memory: { kernelTCP: 9 } }, {}, ["kernel memory TCP limit"]],
    [
      "bytes read from a disk",
      { blkioDeviceReadBps: [{ path, rate: 1000 }] },
      { blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 1000 }] } },
      { blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 1000 }] } },
      [],
    ],
    [
      "writes to a disk",
      { blkioDeviceWriteIops: [{ path, rate: 5 }] },
      { blockIO: { throttleWriteIOPSDevice: [{ major, minor, rate: 5 }] } },
      { blockIO: { throttleWriteIOPSDevice: [{ major, minor, rate: 5 }] } },
      [],
    ],
    [
      "weight at a disk",
      { blkioWeightDevice: [{ path, weight: 50 }] },
      { blockIO: { weightDevice: [{ major, minor, weight: 50 }] } },
      { blockIO: { weightDevice: [{ major, minor, weight: 50 }] } },
      [],
    ],
    ["too few shares", { cpuShares: 1 }, { cpu: { shares: 2 } }, { cpu: { shares: 2 } }, []],
    ["too many shares", { cpuShares: 9e6 }, { cpu: { shares: 262_144 } }, { cpu: { shares: 262_144 } }, []],
  ]; // prettier-ignore
  test.each(cases)("%s", (_name, spec, onV1, onV2, warned) => {
    expect(buildResources(spec, v1)).toEqual({ resources: { ...onV1 }, warnings: [] });
    const second = buildResources(spec, v2);
    expect<object>(second.resources).toEqual(onV2);
    expect(second.warnings).toHaveLength(warned.length);
    for (const [index, words] of warned.entries()) expect(second.warnings[index]).toContain(words);
  });

  test("real-time shares: on v1; refused elsewhere, and when they are more than the period", () => {
    const spec = { cpuRealtimePeriod: 1_000_000, cpuRealtimeRuntime: 950_000 };
    expect<object>(buildResources(spec, v1).resources).toEqual({
      cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 },
    });
    expect(refusal(() => buildResources(spec, v2))).toBe(
      "invalid: Your kernel does not support CPU real-time scheduler",
    );
    expect(refusal(() => buildResources({ ...spec, cpuRealtimePeriod: 900_000 }, v1))).toBe(
      "invalid: cpu real-time runtime cannot be higher than cpu real-time period",
    );
  });

  test("a kernel that lacks a throttle says so in Docker's words", () => {
    const { resources, warnings } = buildResources({ blkioDeviceWriteBps: [{ path, rate: 1 }] }, v1);
    expect([resources, warnings]).toEqual([
      {},
      [
        "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.",
      ],
    ]);
  });

  test("what Linux has given up, or never had, is told", () => {
    const { resources, warnings } = buildResources({ kernelMemory: 1 << 30, cpuPercent: 5, cpuCount: 1 }, v1);
    expect([resources, warnings]).toEqual([
      {},
      [
        "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
        "linux does not support CPU percent. Percent discarded.",
        "linux does not support CPU count. Count discarded.",
      ],
    ]);
  });

  test("the OOM killer: off on v1, with a warning without a limit; v2 has no such switch", () => {
    expect(buildResources({ oomKillDisable: true, memory: 8 << 20 }, v1)).toEqual({
      resources: { memory: { limit: 8 << 20, swap: 16 << 20, disableOOMKiller: true } },
      warnings: [],
    });
    expect(buildResources({ oomKillDisable: true }, v1).warnings[0]).toStartWith("OOM killer is disabled");
    expect(buildResources({ oomKillDisable: true }, v2)).toEqual({
      resources: {},
      warnings: ["Your kernel does not support OomKillDisable. OomKillDisable discarded."],
    });
  });

  test.each<[ResourceSpec, string]>([
    [{ memorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
    [{ memory: -1 }, "Minimum memory limit allowed is 6MB"],
    [{ cpuShares: -1 }, "invalid CPU shares (-1): value must be a positive integer"],
    [{ blkioWeightDevice: [{ path, weight: 5 }] }, `invalid weight for device: ${path}:5`],
    [{ blkioDeviceReadBps: [{ path: "/dev/nosuch", rate: 1 }] }, "stat /dev/nosuch: no such file or directory"],
    [{ blkioDeviceReadBps: [{ path: "/dev/null", rate: 1 }] }, "/dev/null is not a block device"],
    [{ blkioDeviceReadBps: [{ path, rate: -1 }] }, `invalid rate for device: ${path}:-1. Rate must be a positive integer`],
  ])("refuses %j", (spec, message) => expect(refusal(() => buildResources(spec, v1))).toBe(`invalid: ${message}`)); // prettier-ignore
});

describe("devices", () => {
  test("rules of the device cgroup", () => {
    expect(parseDeviceRule("c 189:* rwm")).toEqual({ allow: true, type: "c", major: 189, access: "rwm" });
    expect(parseDeviceRule("a *:* r")).toEqual({ allow: true, type: "a", access: "r" });
    for (const wrong of ["", "c 1:3", "x 1:3 r", "c 1:3 rx", "c 1:3 r\n", "c 1 3 rwm"]) {
      expect(refusal(() => parseDeviceRule(wrong))).toBe(
        `invalid: invalid device cgroup rule format: '${wrong}'`,
      );
    }
    expect(buildDevices({ deviceCgroupRules: ["b 7:* rw"] }).rules.at(-1)).toEqual({
      allow: true,
      type: "b",
      major: 7,
      access: "rw",
    });
  });

  test("devices for a driver to choose: none is installed", () => {
    const request = { driver: "", count: -1, deviceIds: [], capabilities: [["gpu", "compute"]], options: {} };
    expect(refusal(() => buildDevices({ deviceRequests: [request] }))).toBe(
      'precondition: could not select device driver "" with capabilities: [[gpu compute]]',
    );
  });
});

describe("AppArmor and SELinux", () => {
  const bare = { apparmor: false, selinux: false };
  const both = { apparmor: true, selinux: true };
  const of = (spec: SecuritySpec, host: typeof bare) => confine(spec, host);

  test("on a host without them: a warning, and none for what switches them off", () => {
    expect(of({ apparmor: "mine", labels: ["type:x_t"] }, bare)).toEqual({
      process: {},
      mountLabel: undefined,
      warnings: [
        "AppArmor is not supported on this host, but the profile 'mine' was specified: it has no effect",
        "SELinux is not enabled on this host: label type:x_t has no effect",
      ],
    });
    expect(of({ apparmor: "unconfined", labels: ["disable"] }, bare).warnings).toEqual([]);
  });

  test("on a host with them: the profile, and labels of the policy with the parts that were given", () => {
    expect(of({ apparmor: "mine", labels: ["type:svirt_t", "level:s0:c1,c2"] }, both)).toEqual({
      process: { apparmorProfile: "mine", selinuxLabel: "system_u:system_r:svirt_t:s0:c1,c2" },
      mountLabel: "system_u:object_r:container_file_t:s0:c1,c2",
      warnings: [],
    });
    expect(of({ labels: ["disable"] }, both).process).toEqual({});
  });
});

test("the throttle counters of each CPU are masked where there are some", () => {
  const folder = join(top, "cpus");
  for (const name of ["cpu0/thermal_throttle", "cpu1/thermal_throttle", "cpu10/other", "cpufreq"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const found = thermalPaths(folder);
  expect(found.toSorted()).toEqual([`${folder}/cpu0/thermal_throttle`, `${folder}/cpu1/thermal_throttle`]);
  expect(maskedPaths(found)).toContain(`${folder}/cpu1/thermal_throttle`);
  expect(maskedPaths([])).toContain("/sys/firmware");
});
