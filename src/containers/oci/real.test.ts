import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../base/index.ts";
import type { TaskSpec } from "../../runtimes/index.ts";
import { readAll } from "../../runtimes/testing.ts";
import type { HostMount } from "../container.ts";
import { buildExecProcess, readHostFacts, resolveUser } from "./index.ts";
import { openConfigBench, type ConfigBench } from "./testing.ts";

// Containers as they are made of a specification, run by the real runtime on a busybox root filesystem.

const host = readHostFacts();
let tried: ConfigBench;
let bench: ConfigBench["bench"];
beforeAll(async () => {
  tried = await openConfigBench();
  bench = tried.bench;
});
afterAll(() => tried[Symbol.asyncDispose]());

const configured: ConfigBench["configured"] = (...given) => tried.configured(...given);
const run: ConfigBench["run"] = (...given) => tried.run(...given);
const output: ConfigBench["output"] = (...given) => tried.output(...given);

const capabilityMask = "sed -n 's/^CapEff:.//p' /proc/self/status";

test("a plain container: Docker's environment, process 1, name, mounts and capabilities", async () => {
  const script = `env | sort; echo "pid $$"; hostname; id; pwd; ${capabilityMask}; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status`;
  const lines = (await output(script, { hostname: "box" })).split("\n");
  expect(lines).toEqual([
    "HOME=/root", "HOSTNAME=box", "PATH=/bin:/sbin", "PWD=/", "SHLVL=1", "pid 1", "box",
    "uid=0(root) gid=0(root) groups=0(root)", "/", "00000000a80425fb", "NoNewPrivs:\t0", "Seccomp:\t2",
  ]); // prettier-ignore
});

test("capabilities: added, dropped, all, none, and those of another user", async () => {
  expect(await output(capabilityMask, { security: { capDrop: ["ALL"], capAdd: ["net_admin"] } })).toBe(
    "0000000000001000",
  );
  expect(await output(capabilityMask, { security: { capDrop: ["MKNOD"] } })).toBe("00000000a00425fb");
  expect(await output(capabilityMask, { user: "app" })).toBe("0000000000000000");
  const mask = BigInt(`0x${await output(capabilityMask, { security: { privileged: true } })}`);
  expect(mask.toString(2).replaceAll("0", "").length).toBe(host.capabilities.size);
});

test("the default seccomp profile forbids what reaches out; unconfined and a profile of one's own don't", async () => {
  const unshare = "unshare -m true 2>&1 && echo done";
  const admin = ["SYS_ADMIN"];
  expect(await output(unshare, {})).toContain("Operation not permitted");
  // Even with no capability needed (a user namespace) the default forbids it.
  expect(await output("unshare -U true 2>&1")).toContain("Operation not permitted");
  expect(await output("unshare -U true && echo done", { security: { seccomp: "unconfined" } })).toBe("done");
  expect(await output(unshare, { security: { capAdd: admin } })).toBe("done");
  const noMkdir = JSON.stringify({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
  });
  expect(await output("mkdir /tmp/x 2>&1", { security: { seccomp: noMkdir } })).toContain("No space left");
});

test("limits are in the cgroup, and shown when the container looks", async () => {
  const { task, warnings } = configured({
    command: ["sleep", "1000"],
    resources: { memory: 64 << 20, pidsLimit: 50, nanoCpus: 500_000_000, cpuShares: 512, cpusetCpus: "0" },
  });
  expect(warnings).toEqual([]);
  await bench.runtime.create(task);
  await bench.runtime.start(task.id);
  const stats = await bench.runtime.stats(task.id);
  expect([stats.memoryLimitBytes, stats.pidsLimit]).toEqual([64 << 20, 50]);
  await bench.runtime.delete(task.id, true);
  if (host.cgroup.version === 1) {
    const read =
      "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max";
    const resources = {
      memory: 64 << 20,
      pidsLimit: 50,
      nanoCpus: 500_000_000,
      cpuShares: 512,
      cpusetCpus: "0",
    };
    // A cgroup namespace of its own makes the container's cgroup the top.
    const seen = await output(read, { resources, namespaces: { cgroup: "private" } });
    expect(seen.split("\n")).toEqual([String(64 << 20), "50000", "512", "0", "50"]);
  }
});

test("ulimits, one of them above what the daemon may give", async () => {
  const most = host.limits["RLIMIT_NOFILE"]!.hard;
  const { output: seen, warnings } = await run("ulimit -n; ulimit -Hn; ulimit -c; ulimit -Hs", {
    resources: {
      ulimits: [
        { name: "nofile", soft: 100, hard: most * 2 },
        { name: "core", soft: 0, hard: 0 },
        { name: "stack", soft: 8 << 20, hard: -1 },
      ],
    },
  });
  const clamped = !host.capabilities.has("CAP_SYS_RESOURCE");
  expect(seen.split("\n")).toEqual(["100", String(clamped ? most : most * 2), "0", "unlimited"]);
  expect(warnings.length).toBe(clamped ? 1 : 0);
});

test("a read-only root filesystem with a tmpfs, a volume and binds", async () => {
  const folder = join(bench.identity.root, "shared");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "file"), "from the host\n");
  const mounts: HostMount[] = [
    { type: "tmpfs", target: "/work", options: ["size=1m", "mode=1770"] },
    { type: "bind", source: folder, target: "/ro", readOnly: true, propagation: "rprivate", recursive: true },
    {
      type: "volume",
      name: "v",
      source: folder,
      target: "/rw",
      readOnly: false,
      anonymous: false,
      noCopy: false,
    },
    {
      type: "bind",
      source: join(folder, "file"),
      target: "/work/nested",
      readOnly: false,
      propagation: "",
      recursive: false,
    },
  ];
  for (const name of ["work", "ro", "rw"]) mkdirSync(join(bench.rootfs, name), { recursive: true });
  const script = `
    touch /x 2>&1; touch /ro/x 2>&1; cat /ro/file /work/nested; touch /rw/made && echo made
    df -k /work | tail -1 | awk '{print $2}'; stat -c %a /work
    dd if=/dev/zero of=/work/big bs=1M count=2 2>&1 | grep -o 'No space left' | head -1
    grep ' /work ' /proc/mounts | grep -o 'nosuid,nodev,noexec'`;
  const seen = await output(script, { security: { readonlyRootfs: true } }, { mounts });
  expect(seen.split("\n")).toEqual([
    "touch: /x: Read-only file system", "touch: /ro/x: Read-only file system", "from the host", "from the host", "made",
    "1024", "1770", "No space left", "nosuid,nodev,noexec",
  ]); // prettier-ignore
});

test("shared memory has the size that was asked for", async () => {
  expect(await output("df -k /dev/shm | tail -1 | awk '{print $2}'")).toBe("65536");
  expect(await output("df -k /dev/shm | tail -1 | awk '{print $2}'", { shmSize: 1 << 20 })).toBe("1024");
});

test("users and groups are looked up in the image, and HOME follows", async () => {
  expect(await output("id; echo $HOME", { user: "app" })).toBe(
    "uid=1000(app) gid=1000(app) groups=10(wheel),1000(app)\n/home/app",
  );
  expect(
    await output("id -u; id -g; id -G; echo $HOME", {
      user: "1234",
      security: { groupAdd: ["video", "99"] },
    }),
  ).toBe("1234\n0\n0 44 99\n/");
  expect(await output("id -u; id -g", { user: "app:video" })).toBe("1000\n44");
});

test("an init as process 1 reaps, passes signals and exit codes on", async () => {
  const initPath = Bun.which("catatonit") ?? undefined;
  if (initPath === undefined) throw new Error("catatonit is not installed");
  mkdirSync(join(bench.rootfs, "sbin"), { recursive: true });
  const script = "(sleep 0.05 &) ; cat /proc/1/comm; sleep 0.2; ps -o stat= | grep -c Z; exit 9";
  const { output: seen, exitCode } = await run(script, { init: true }, { initPath });
  expect(seen.split("\n")).toEqual(["docker-init", "0"]);
  expect(exitCode).toBe(9);
});

test("system settings, domain name and hostname of the container's own", async () => {
  const seen = await output(
    "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/domainname /proc/sys/kernel/msgmax",
    {
      hostname: "web",
      domainname: "example.org",
      sysctls: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "9000" },
    },
  );
  expect(seen.split("\n")).toEqual(["1", "0", "example.org", "9000"]);
});

test("masked and read-only parts of /proc; a privileged container has all of it, and the host's devices", async () => {
  const script = "wc -c < /proc/timer_list 2>&1; (echo 1 > /proc/sys/kernel/panic) 2>&1; ls /dev | wc -l";
  const plain = (await output(script)).split("\n");
  expect(plain[1]).toContain("Read-only file system");
  const privileged = (
    await output(`${script}; grep -c ' /sys sysfs rw' /proc/mounts; cat /dev/null && echo fine`, {
      security: { privileged: true },
    })
  ).split("\n");
  expect(privileged.at(-1)).toBe("fine");
  expect(privileged.at(-2)).toBe("1");
  expect(Number(privileged.at(-3))).toBeGreaterThan(Number(plain.at(-1)));
  expect(await output("cat /proc/bus/input/devices > /dev/null 2>&1; cat /proc/keys | wc -l")).toBe("0");
});

test("devices: only those that were given can be opened", async () => {
  const devices = [{ hostPath: "/dev/null", containerPath: "/dev/hole", permissions: "rw" }];
  expect(
    await output(
      "echo x > /dev/hole && echo fine; mknod /tmp/k c 1 1 && cat /tmp/k 2>&1 | head -c 60; rm -f /tmp/k",
      { resources: { devices } },
    ),
  ).toBe("fine\ncat: can't open '/tmp/k': Operation not permitted");
});

test("the host's namespaces and another container's", async () => {
  const own = (type: string) =>
    Bun.spawnSync(["readlink", `/proc/self/ns/${type}`])
      .stdout.toString()
      .trim();
  const links = "for one in pid ipc uts net; do readlink /proc/self/ns/$one; done";
  const seen = await output(
    links,
    {
      namespaces: { pid: "host", ipc: "host", uts: "host" },
    },
    { network: { kind: "host" } },
  );
  expect(seen.split("\n")).toEqual(["pid", "ipc", "uts", "net"].map(own));

  const { task } = configured({ command: ["sleep", "1000"] });
  const { pid } = await bench.runtime.create(task);
  await bench.runtime.start(task.id);
  const joined = await run(
    "ps -o args= | grep -c 'sleep 1000$'",
    {
      namespaces: { pid: "container:other", ipc: "container:other" },
    },
    {
      pidOf: (name) => (name === "other" ? pid : undefined),
      network: { kind: "path", path: `/proc/${pid}/ns/net` },
    },
  );
  expect(Number(joined.output)).toBeGreaterThanOrEqual(1);
  await bench.runtime.delete(task.id, true);
});

test("files of /etc are bound over the image's, and can be written", async () => {
  const hosts = join(bench.identity.root, "hosts");
  writeFileSync(hosts, "127.0.0.1 localhost here\n");
  chmodSync(hosts, 0o644);
  expect(await output("cat /etc/hosts", {}, { etc: { hosts } })).toBe("127.0.0.1 localhost here");
});

test("a passwd file that is a link out of the image is read inside it", async () => {
  const root = join(bench.identity.root, "hostile");
  mkdirSync(join(root, "etc"), { recursive: true });
  symlinkSync("/etc/passwd-of-nobody", join(root, "etc/passwd"));
  writeFileSync(join(root, "etc/passwd-of-nobody"), "inner:x:77:78::/inner:/bin/sh\n");
  expect(resolveUser(root, "inner", [])).toEqual({ uid: 77, gid: 78, additionalGids: [78], home: "/inner" });
  expect(() => resolveUser(root, "daemon", [])).toThrow(
    "unable to find user daemon: no matching entries in passwd file",
  );
});

test("an exec gets the container's environment, limits and capabilities, and its own user's home", async () => {
  const { task } = configured({
    command: ["sleep", "1000"],
    env: ["COLOUR=blue"],
    security: { capDrop: ["ALL"], capAdd: ["CHOWN"] },
    resources: { ulimits: [{ name: "stack", soft: -1, hard: -1 }] },
  });
  await bench.runtime.create(task);
  await bench.runtime.start(task.id);
  // As it is after a restart of the daemon: read back from disk.
  const config = JSON.parse(JSON.stringify(task.config)) as TaskSpec["config"];
  const runExec = async (user: string, privileged = false) => {
    const process = buildExecProcess({
      config,
      request: {
        command: ["sh", "-c", `id -u; echo $HOME $COLOUR $SIZE; ulimit -s; ${capabilityMask}`],
        env: ["SIZE=7"],
        privileged,
      },
      user: resolveUser(bench.rootfs, user, []),
      tty: false,
      host,
    });
    const exec = await bench.runtime.exec(task.id, {
      id: newId(),
      process,
      tty: false,
      stdin: false,
      detach: false,
    });
    return (await readAll(exec.streams.output)).trim().split("\n");
  };
  expect(await runExec("")).toEqual(["0", "/root blue 7", "unlimited", "0000000000000001"]);
  expect(await runExec("4321")).toEqual(["4321", "/ blue 7", "unlimited", "0000000000000000"]);
  expect(await runExec("app")).toEqual(["1000", "/home/app blue 7", "unlimited", "0000000000000000"]);
  const [, , , mask] = await runExec("", true);
  expect(BigInt(`0x${mask}`)).toBeGreaterThan(0xffffffffn);
  await bench.runtime.delete(task.id, true);
});

test("the filter that was compiled for one container is as good for the next, and only for the same profile", async () => {
  const refused = "unshare -U true 2>&1; grep ^Seccomp: /proc/self/status";
  const first = await output(refused);
  expect(await output(refused)).toBe(first);
  expect(first).toContain("Operation not permitted");
  expect(await output("unshare -U true && echo done", { security: { seccomp: "unconfined" } })).toBe("done");
  const open = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" });
  for (const _again of [1, 2]) {
    expect(await output("unshare -U true && echo done", { security: { seccomp: open } })).toBe("done");
  }
});
