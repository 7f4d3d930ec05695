import { describe, expect, test } from "bun:test";
import { isVirgaError } from "../../base/index.ts";
import type { ContainerSpec, ResourceSpec, SecuritySpec } from "../spec.ts";
import { allCapabilities, defaultCapabilities, resolveCapabilities } from "./capabilities.ts";
import { parseCpuSet } from "./cpuset.ts";
import { buildDevices } from "./devices.ts";
import { parseCapabilities, parseLimits } from "./host-facts.ts";
import {
  buildExecProcess,
  buildOciConfig,
  buildResources,
  mergeProcess,
  type HostFacts,
  type OciConfigInput,
} from "./index.ts";
import type { OciMount } from "./mounts.ts";
import { tmpfsOptions } from "./mounts.ts";
import { buildRlimits } from "./rlimits.ts";
import { lookUpUser, parseGroups, parsePasswd } from "./user.ts";

const everything = new Set("cpu cpuset memory pids blkio devices freezer".split(" "));
const host: HostFacts = {
  cgroup: {
    version: 2, hybrid: false, controllers: everything, swapAccounting: true, ioWeight: true,
    mounts: new Map(), hierarchies: [],
  },
  capabilities: new Set(allCapabilities),
  kernel: { major: 6, minor: 1 },
  architecture: "amd64",
  limits: { RLIMIT_NOFILE: { soft: 1024, hard: 4096 } },
  oomScoreAdj: 0,
  seccomp: true,
  apparmor: false,
  selinux: false,
  thermalPaths: [],
  cpus: 4,
}; // prettier-ignore

function refusal(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return isVirgaError(error) ? error.message : `not ours: ${String(error)}`;
  }
}

function build(spec: Omit<ContainerSpec, "image">, input: Partial<OciConfigInput> = {}) {
  const full = { image: "x", command: ["sh"], ...spec };
  return buildOciConfig({
    id: "0123456789abcdef", spec: full, process: mergeProcess({}, full),
    user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
    rootfs: "/root/fs", mounts: [], etc: {}, network: { kind: "new" }, cgroupPath: "/virga/x", host,
    pidOf: () => undefined, ...input,
  }); // prettier-ignore
}

interface Config {
  readonly hostname?: string;
  readonly process: { args: string[]; env: string[]; cwd: string; oomScoreAdj: number };
  readonly mounts: OciMount[];
  readonly linux: {
    namespaces: { type: string; path?: string }[];
    maskedPaths: string[];
    seccomp?: { defaultAction: string };
    sysctl: Record<string, string>;
    rootfsPropagation?: string;
  };
}
const configOf = (...given: Parameters<typeof build>) => build(...given).config as unknown as Config;

describe("mergeProcess", () => {
  const image = {
    Entrypoint: ["/entry"],
    Cmd: ["serve"],
    Env: ["A=1", "B=2"],
    WorkingDir: "/app",
    User: "app",
  };
  const cases: [string, Partial<ContainerSpec>, readonly string[], readonly string[]][] = [
    ["as the image says", {}, ["/entry"], ["serve"]],
    ["a command replaces the image's command", { command: ["x"] }, ["/entry"], ["x"]],
    ["an entrypoint drops the image's command", { entrypoint: ["sh"] }, ["sh"], []],
    ["both", { entrypoint: ["sh"], command: ["-c", "x"] }, ["sh"], ["-c", "x"]],
    ["an empty entrypoint clears it", { entrypoint: [""], command: ["x"] }, [], ["x"]],
    ["an empty list clears it, too, and keeps the image's command", { entrypoint: [] }, [], ["serve"]],
  ];
  for (const [name, spec, entrypoint, command] of cases) {
    test(name, () => {
      const merged = mergeProcess(image, { image: "x", ...spec });
      expect([merged.Entrypoint, merged.Cmd]).toEqual([entrypoint, command]);
    });
  }

  test("no command at all is refused", () => {
    expect(refusal(() => mergeProcess({}, { image: "x" }))).toBe("no command specified");
    expect(refusal(() => mergeProcess(image, { image: "x", entrypoint: [""] }))).toBe("no command specified");
  });

  test("variables: the spec's over the image's, KEY alone removes", () => {
    const merged = mergeProcess(image, { image: "x", env: ["B=3", "A", "C=4"] });
    expect(merged.Env).toEqual(["B=3", "A", "C=4"]);
  });

  test("a relative working directory is refused", () => {
    expect(refusal(() => mergeProcess(image, { image: "x", workingDir: "app" }))).toBe(
      "the working directory 'app' is invalid, it needs to be an absolute path",
    );
  });

  test("a health check takes what it leaves out from the image's; NONE switches it off", () => {
    const Healthcheck = { Test: ["CMD", "check"], Interval: 5, Retries: 2 };
    const of = (healthcheck: ContainerSpec["healthcheck"]) =>
      mergeProcess({ ...image, Healthcheck }, { image: "x", ...(healthcheck ? { healthcheck } : {}) })
        .Healthcheck;
    expect(of({ Interval: 9, Retries: 0 })).toEqual({ Test: ["CMD", "check"], Interval: 9, Retries: 2 });
    expect(of({ Test: ["NONE"] })?.Test).toEqual(["NONE"]);
    expect(of(undefined)).toEqual(Healthcheck);
  });
});

describe("capabilities", () => {
  const cases: [string, SecuritySpec, readonly string[]][] = [
    ["the default", {}, defaultCapabilities],
    [
      "added and dropped, in any spelling",
      { capAdd: ["net_admin"], capDrop: ["CAP_CHOWN"] },
      [...defaultCapabilities.filter((one) => one !== "CAP_CHOWN"), "CAP_NET_ADMIN"],
    ],
    [
      "all but one",
      { capAdd: ["ALL"], capDrop: ["SYS_ADMIN"] },
      allCapabilities.filter((one) => one !== "CAP_SYS_ADMIN"),
    ],
    ["none but one", { capDrop: ["all"], capAdd: ["CHOWN"] }, ["CAP_CHOWN"]],
    ["privileged", { privileged: true, capDrop: ["ALL"] }, allCapabilities],
  ];
  for (const [name, security, expected] of cases) {
    test(name, () => {
      const { capabilities } = resolveCapabilities(security, host.capabilities);
      expect(new Set(capabilities)).toEqual(new Set(expected));
    });
  }

  test("an unknown one is refused; one that the daemon lacks is left out, with a warning", () => {
    expect(refusal(() => resolveCapabilities({ capAdd: ["FLY"] }, host.capabilities))).toBe(
      'invalid CapAdd: unknown capability: "CAP_FLY"',
    );
    const { capabilities, warnings } = resolveCapabilities(
      { capAdd: ["SYS_TIME"] },
      new Set(defaultCapabilities),
    );
    expect(capabilities).not.toContain("CAP_SYS_TIME");
    expect(warnings).toEqual(["The daemon does not have CAP_SYS_TIME itself: the container runs without it"]);
    expect(resolveCapabilities({ privileged: true }, new Set(defaultCapabilities)).warnings).toEqual([]);
  });
});

describe("resources", () => {
  const memory = 64 << 20;
  const built: [string, ResourceSpec, object][] = [
    ["memory with as much swap", { memory }, { memory: { limit: memory, swap: 2 * memory } }],
    ["memory without swap", { memory, memorySwap: memory }, { memory: { limit: memory, swap: memory } }],
    ["unlimited swap", { memory, memorySwap: -1 }, { memory: { limit: memory, swap: -1 } }],
    ["1.5 CPUs", { nanoCpus: 1.5e9 }, { cpu: { period: 100_000, quota: 150_000 } }],
    ["quota and period", { cpuQuota: 5000, cpuPeriod: 10_000 }, { cpu: { period: 10_000, quota: 5000 } }],
    ["no limit of processes", { pidsLimit: 0 }, { pids: { limit: 4194304 } }],
    ["more processes than can be", { pidsLimit: 2 ** 31 }, { pids: { limit: 4194304 } }],
    ["disk weight", { blkioWeight: 300 }, { blockIO: { weight: 300 } }],
    ["nothing", {}, {}],
  ];
  for (const [name, spec, expected] of built) {
    test(name, () => {
      const { resources, warnings } = buildResources(spec, host);
      expect([resources, warnings]).toEqual([{ ...expected }, []]);
    });
  }

  const refused: [ResourceSpec, string][] = [
    [{ memory: 4 << 20 }, "Minimum memory limit allowed is 6MB"],
    [
      { memory, memorySwap: memory - 1 },
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    ],
    [{ memorySwap: memory }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
    [
      { memory, memoryReservation: memory + 1 },
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    [{ nanoCpus: 5e9 }, "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"],
    [{ nanoCpus: 1e9, cpuPeriod: 1000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
    [{ nanoCpus: 1e9, cpuQuota: 1000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    [{ cpuQuota: 10 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [
      { cpuPeriod: 10 },
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ],
    [{ cpusetCpus: "a-b" }, "Invalid value a-b for cpuset cpus"],
    [{ blkioWeight: 5 }, "Range of blkio weight is from 10 to 1000"],
  ];
  for (const [spec, message] of refused) {
    test(message, () => expect(refusal(() => buildResources(spec, host))).toBe(message));
  }

  test("CPUs that the machine doesn't have are refused", () => {
    expect(refusal(() => buildResources({ cpusetCpus: "0,9000" }, host))).toStartWith(
      "Requested CPUs are not available - requested 0,9000, available: ",
    );
  });

  test("limits without their controller are left out with a warning", () => {
    const bare = { ...host, cgroup: { ...host.cgroup, controllers: new Set<string>(), ioWeight: false } };
    const { resources, warnings } = buildResources(
      { memory, cpuShares: 2, cpusetCpus: "0", pidsLimit: 5, blkioWeight: 10 },
      bare,
    );
    expect(resources).toEqual({});
    expect(warnings.map((one) => one.replace(/Your kernel does not support (.*) or the cgroup is not mounted\./, "$1:"))).toEqual([
      "memory limit capabilities: Limitation discarded.", "CPU shares: Shares discarded.", "cpuset: Cpuset discarded.",
      "PIDs limit capabilities: PIDs limit discarded.", "Block I/O weight: Weight discarded.",
    ]); // prettier-ignore
  });

  test("lists of CPUs", () => {
    expect([...parseCpuSet("0-2,4")!]).toEqual([0, 1, 2, 4]);
    expect(["", "1-", "2-1", "0;1", "-1", "1,,2"].map(parseCpuSet)).toEqual(Array(6).fill(undefined));
  });
});

describe("limits of the first process", () => {
  const weak = { ...host, capabilities: new Set(defaultCapabilities) };
  test("lowered to the daemon's own, with a warning, when it may not raise them", () => {
    const ulimits = [{ name: "nofile", soft: 9000, hard: 9000 }];
    expect(buildRlimits(ulimits, weak)).toEqual({
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 4096, hard: 4096 }],
      warnings: ["The daemon may not raise the limit 'nofile' above 4096: the container gets 4096"],
    });
    expect(buildRlimits(ulimits, host).rlimits).toEqual([{ type: "RLIMIT_NOFILE", soft: 9000, hard: 9000 }]);
  });
  test("unlimited is the kernel's largest number, to the last digit", () => {
    const { rlimits } = buildRlimits([{ name: "stack", soft: -1, hard: -1 }], host);
    expect(JSON.stringify(rlimits)).toBe(
      '[{"type":"RLIMIT_STACK","soft":18446744073709551615,"hard":18446744073709551615}]',
    );
  });
  test("an unknown name and a soft limit above the hard one are refused", () => {
    expect(refusal(() => buildRlimits([{ name: "lunch", soft: 1, hard: 1 }], host))).toBe(
      "invalid ulimit type: lunch",
    );
    expect(refusal(() => buildRlimits([{ name: "core", soft: 2, hard: 1 }], host))).toBe(
      "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
    );
  });
});

describe("users", () => {
  const passwd = parsePasswd(
    "# comment\nroot:x:0:0::/root:/bin/sh\n\nbroken:line\napp:x:1000:100::/home/app:\n123:x:7:8::/n:\n",
  );
  const groups = parseGroups("root:x:0:\nstaff:x:50:app,root\nvideo:x:44:app\n");
  const cases: [string, string[], number, number, number[], string][] = [
    ["", [], 0, 0, [0, 50], "/root"],
    ["app", [], 1000, 100, [100, 50, 44], "/home/app"],
    ["1000", [], 1000, 100, [100, 50, 44], "/home/app"],
    ["app:video", [], 1000, 44, [44], "/home/app"],
    ["4000", [], 4000, 0, [0], "/"],
    ["4000:5000", ["video", "9"], 4000, 5000, [5000, 44, 9], "/"],
    ["123", [], 7, 8, [8], "/n"],
  ];
  for (const [user, added, uid, gid, additionalGids, home] of cases) {
    test(`"${user}"`, () =>
      expect(lookUpUser(user, added, passwd, groups)).toEqual({ uid, gid, additionalGids, home }));
  }
  test("what is not there is refused", () => {
    expect(refusal(() => lookUpUser("who", [], passwd, groups))).toBe(
      "unable to find user who: no matching entries in passwd file",
    );
    expect(refusal(() => lookUpUser("app:who", [], passwd, groups))).toBe(
      "unable to find group who: no matching entries in group file",
    );
    expect(refusal(() => lookUpUser("4294967295", [], passwd, groups))).toBe(
      "uids and gids must be in range 0-2147483647",
    );
  });
});

describe("mounts", () => {
  const targets = (...given: Parameters<typeof build>) =>
    configOf(...given).mounts.map((one) => one.destination);

  test("a mount of the user's takes the place of a default, /dev of all below it", () => {
    const mounts = [{ type: "tmpfs", target: "/dev", options: [] }] as const;
    expect(targets({}, { mounts })).toEqual(["/proc", "/sys", "/dev", "/sys/fs/cgroup"]);
  });

  test("outer before inner", () => {
    const bind = { type: "bind", source: "/s", readOnly: false, propagation: "", recursive: true } as const;
    const mounts = [
      { ...bind, target: "/a/b/c" },
      { ...bind, target: "/a" },
      { ...bind, target: "/a/b" },
    ];
    expect(targets({}, { mounts }).filter((one) => one.startsWith("/a"))).toEqual(["/a", "/a/b", "/a/b/c"]);
  });

  test("a read-only bind of a directory covers what is mounted below it, where the kernel can", () => {
    const optionsOf = (kernel: HostFacts["kernel"], source: string, readOnlyBelow?: "no" | "unasked") => {
      const bind = {
        ...(readOnlyBelow && { readOnlyBelow }),
        type: "bind",
        source,
        target: "/t",
        readOnly: true,
        propagation: "",
        recursive: true,
      } as const;
      const { mounts } = configOf({}, { mounts: [bind], host: { ...host, kernel } });
      return mounts.find((one) => one.destination === "/t")!.options;
    };
    expect(optionsOf({ major: 6, minor: 1 }, "/etc")).toEqual(["rbind", "ro", "rro", "rprivate"]);
    expect(optionsOf({ major: 6, minor: 1 }, "/etc/passwd")).toEqual(["rbind", "ro", "rprivate"]);
    expect(optionsOf({ major: 5, minor: 11 }, "/etc")).toEqual(["rbind", "ro", "rprivate"]);
    for (const below of ["no", "unasked"] as const)
      expect(optionsOf({ major: 6, minor: 1 }, "/etc", below)).toEqual(["rbind", "ro", "rprivate"]);
  });

  test("shared memory: its size; none of its own with ipc none", () => {
    const shm = configOf({ shmSize: 4096 }).mounts.find((one) => one.destination === "/dev/shm");
    expect(shm?.options).toContain("size=4096");
    expect(targets({ namespaces: { ipc: "none" } })).not.toContain("/dev/shm");
  });

  test("tmpfs options: Docker's under the user's, unknown ones refused", () => {
    expect(tmpfsOptions(["exec", "size=1m"])).toEqual(["nosuid", "nodev", "exec", "size=1m"]);
    expect(refusal(() => tmpfsOptions(["colour=red"]))).toBe('Invalid tmpfs option "colour=red"');
    expect(refusal(() => tmpfsOptions(["size"]))).toBe('Invalid tmpfs option "size"');
  });

  test("an init that is not installed is a precondition", () => {
    expect(refusal(() => build({ init: true }))).toBe("no init is installed");
    expect(configOf({ init: true }, { initPath: "/i" }).process.args).toEqual([
      "/sbin/docker-init",
      "--",
      "sh",
    ]);
    expect(configOf({ init: true, namespaces: { pid: "host" } }).process.args).toEqual(["sh"]);
  });

  test("propagation from a mount that does not propagate is refused", () => {
    const mounts = [
      {
        type: "bind",
        source: "/proc/self",
        target: "/t",
        readOnly: false,
        propagation: "rshared",
        recursive: true,
      },
    ] as const;
    expect(refusal(() => build({}, { mounts }))).toContain("but it is not a shared mount");
  });
});

describe("namespaces and names", () => {
  const types = (...given: Parameters<typeof build>) =>
    configOf(...given).linux.namespaces.map((one) => one.type);

  test("all of its own on v2; the host's cgroups on v1", () => {
    expect(types({})).toEqual(["mount", "pid", "ipc", "uts", "network", "cgroup"]);
    const v1 = { ...host, cgroup: { ...host.cgroup, version: 1 as const } };
    expect(types({}, { host: v1 })).toEqual(["mount", "pid", "ipc", "uts", "network"]);
  });

  test("another container's, when it runs", () => {
    const spec = { namespaces: { pid: "container:db", ipc: "container:db" } };
    expect(configOf(spec, { pidOf: () => 42 }).linux.namespaces).toContainEqual({
      type: "pid",
      path: "/proc/42/ns/pid",
    });
    expect(refusal(() => build(spec))).toBe("can't join PID of container db: container db is not running");
  });

  test("what cannot be is refused", () => {
    expect(refusal(() => build({ namespaces: { uts: "container:x" } }))).toBe(
      "invalid UTS mode: container:x",
    );
    expect(refusal(() => build({ namespaces: { pid: "mine" } }))).toBe("invalid PID mode: mine");
  });

  test("the name: asked for, the short id, the host's", () => {
    expect(configOf({ hostname: "box" }).hostname).toBe("box");
    expect(configOf({}).hostname).toBe("0123456789ab");
    expect(configOf({ namespaces: { uts: "host" } }).hostname).toBeUndefined();
  });

  test("settings of the kernel: only of namespaces that are the container's own", () => {
    expect(configOf({ domainname: "d", sysctls: { "net.core.somaxconn": "9" } }).linux.sysctl).toEqual({
      "net.ipv4.ip_unprivileged_port_start": "0",
      "net.ipv4.ping_group_range": "0 2147483647",
      "kernel.domainname": "d",
      "net.core.somaxconn": "9",
    });
    const refused = (spec: Omit<ContainerSpec, "image">, input: Partial<OciConfigInput> = {}) =>
      refusal(() => build(spec, input));
    expect(refused({ sysctls: { "vm.swappiness": "1" } })).toBe(
      'sysctl "vm.swappiness" is not in a separate kernel namespace',
    );
    const ofHost = { network: { kind: "host" } } as const;
    const somaxconn = { sysctls: { "net.core.somaxconn": "1" } };
    expect(refused(somaxconn, ofHost)).toBe(
      'sysctl "net.core.somaxconn" not allowed in host network namespace',
    );
    expect(refused({ sysctls: { "kernel.msgmax": "1" }, namespaces: { ipc: "host" } })).toBe(
      'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace',
    );
    expect(refused({ sysctls: { "kernel.hostname": "x" } })).toContain("conflicts with the OCI");
    // With slashes it is the same setting.
    expect(refused({ sysctls: { "vm/swappiness": "1" } })).toContain('"vm.swappiness"');
    expect(configOf({ sysctls: { "net/ipv4/conf/eth0.1/rp_filter": "2" } }).linux.sysctl).toHaveProperty([
      "net.ipv4.conf.eth0/1.rp_filter",
    ]);
  });
});

describe("security", () => {
  test("privileged: nothing masked, no filter; a filter of one's own still counts", () => {
    const { linux } = configOf({ security: { privileged: true } });
    expect([linux.maskedPaths, linux.seccomp]).toEqual([[], undefined]);
    const seccomp = '{"defaultAction":"SCMP_ACT_ALLOW"}';
    expect(configOf({ security: { privileged: true, seccomp } }).linux.seccomp?.defaultAction).toBe(
      "SCMP_ACT_ALLOW",
    );
  });

  test("profiles that are none are refused", () => {
    const refused = (seccomp: string) => refusal(() => build({ security: { seccomp } }));
    expect(refused("default.json")).toBe("Decoding seccomp profile failed: it is not JSON");
    expect(refused('{"defaultAction":"NO"}')).toStartWith("Decoding seccomp profile failed: defaultAction:");
    expect(refused('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_LOG"}]}')).toContain(
      "names no system call",
    );
  });

  test("a kernel without seccomp: a warning, but an error for who asked for a profile", () => {
    const bare = { host: { ...host, seccomp: false } };
    expect(build({}, bare).warnings).toHaveLength(1);
    expect(refusal(() => build({ security: { seccomp: "{}" } }, bare))).toStartWith("seccomp is not enabled");
  });

  test("oom score: checked, and not below the daemon's when it may not", () => {
    expect(refusal(() => build({ resources: { oomScoreAdj: 2000 } }))).toBe(
      "Invalid value 2000, range for oom score adj is [-1000, 1000]",
    );
    const weak = { host: { ...host, oomScoreAdj: 100, capabilities: new Set(defaultCapabilities) } };
    expect(configOf({ resources: { oomScoreAdj: -5 } }, weak).process.oomScoreAdj).toBe(100);
    expect(build({ resources: { oomScoreAdj: -5 } }, weak).warnings).toHaveLength(1);
  });

  test("devices that are not there, or none, or with a wrong mode, are refused", () => {
    const refused = (hostPath: string, permissions = "rwm") =>
      refusal(() => buildDevices({ devices: [{ hostPath, containerPath: "/dev/x", permissions }] }));
    expect(refused("/dev/nosuch")).toBe(
      'error gathering device information while adding custom device "/dev/nosuch": no such file or directory',
    );
    expect(refused("/etc/passwd")).toContain("not a device node");
    expect(refused("/dev/null", "rwx")).toBe("invalid device mode: rwx");
  });
});

test("an exec without a command, or with a relative directory, is refused", () => {
  const { config } = build({});
  const of = (request: { command: string[]; workingDir?: string }) =>
    refusal(() =>
      buildExecProcess({
        config,
        request,
        user: { uid: 0, gid: 0, additionalGids: [], home: "/" },
        tty: false,
        host,
      }),
    );
  expect(of({ command: [] })).toBe("No exec command specified");
  expect(of({ command: ["sh"], workingDir: "x" })).toBe("cwd must be an absolute path: 'x'");
});

test("what /proc says of the daemon's capabilities and limits", () => {
  const given = parseCapabilities("CapInh:\t0\nCapEff:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\n");
  expect(allCapabilities.filter((one) => !given.has(one))).toEqual(["CAP_SYS_RESOURCE"]);
  const limits = parseLimits(
    "Limit                     Soft Limit           Hard Limit           Units     \n" +
      "Max open files            1024                 20000                files     \n" +
      "Max core file size        0                    unlimited            bytes     \n",
  );
  expect(limits).toEqual({
    RLIMIT_NOFILE: { soft: 1024, hard: 20000 },
    RLIMIT_CORE: { soft: 0, hard: Infinity },
  });
});
