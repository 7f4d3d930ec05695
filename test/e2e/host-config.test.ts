import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/** Options of `docker run` that say how a container meets its host, by the real docker CLI. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
let before: string[];

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const run = (options: readonly string[], ...command: string[]) =>
  docker("run", "--rm", ...options, image, ...command);
/** What the daemon says no with. */
const refusal = async (...options: string[]) => {
  const { stderr, exitCode } = await run(options, "true");
  expect(exitCode).toBe(125);
  return stderr;
};

/** Without what is being written just now. */
const held = async () => (await holdings(daemon)).filter((one) => !one.includes("/.virga-tmp-"));

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
  before = await held();
}, minute);

afterAll(async () => {
  const after = await held();
  await daemon.destroy();
  expect(after).toEqual(before);
}, minute);

test(
  "limits: warnings for what the kernel lacks, refusals in Docker's words",
  async () => {
    const warned = await run(["--oom-kill-disable"], "echo", "runs");
    expect(warned.stdout).toBe("runs\n");
    expect(warned.stderr).toMatch(/no memory limit is set|does not support OomKillDisable/);
    expect(await refusal("--memory", "4m")).toContain("Minimum memory limit allowed is 6MB");
    expect(await refusal("--cpuset-cpus", "900")).toContain("Requested CPUs are not available");
    const above = String(1 << 30);
    const files = await run(["--ulimit", `nofile=1024:${above}`], "sh", "-c", "ulimit -Hn");
    if (files.stdout.trim() !== above) expect(files.stderr).toContain("may not raise the limit 'nofile'");
  },
  minute,
);

test(
  "a GPU is refused as by a Docker without its driver",
  async () => {
    expect(await refusal("--gpus", "all")).toContain(
      'could not select device driver "" with capabilities: [[gpu]]',
    );
  },
  minute,
);

test(
  "a cgroup parent of one's own, gone with its last container",
  async () => {
    const parent = `/${daemon.identity.tag}-e2e`;
    await ok("run", "-d", "--name", "below", "--cgroup-parent", parent, image, "sleep", "1000");
    const pid = await ok("inspect", "--format", "{{.State.Pid}}", "below");
    expect(await Bun.file(`/proc/${pid}/cgroup`).text()).toContain(`${parent}/`);
    await daemon.crash();
    await daemon.start();
    await ok("rm", "-f", "below");
    for (const top of ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"]) {
      expect(existsSync(`${top}${parent}`)).toBe(false);
    }
  },
  minute,
);

test(
  "IPC that is shared: segments and /dev/shm; not with a private one",
  async () => {
    await ok(
      "run",
      "-d",
      "--name",
      "donor",
      "--ipc",
      "shareable",
      "--shm-size",
      "1m",
      image,
      "sleep",
      "1000",
    );
    await ok("exec", "donor", "sh", "-c", "echo from the donor > /dev/shm/note");
    expect((await run(["--ipc", "container:donor"], "cat", "/dev/shm/note")).stdout).toBe("from the donor\n");
    await daemon.crash();
    await daemon.start();
    expect((await run(["--ipc", "container:donor"], "cat", "/dev/shm/note")).stdout).toBe("from the donor\n");
    await ok("run", "-d", "--name", "alone", image, "sleep", "1000");
    expect(await refusal("--ipc", "container:alone")).toContain("non-shareable IPC");
    await ok("rm", "-f", "donor", "alone");
  },
  minute,
);

test(
  "update: every limit that can change, while it runs",
  async () => {
    await ok(
      "run",
      "-d",
      "--name",
      "grows",
      "--memory",
      "64m",
      "--cpu-shares",
      "100",
      image,
      "sleep",
      "1000",
    );
    const more = ["--memory", "128m", "--memory-swap", "256m", "--cpu-shares", "200", "--pids-limit", "50"];
    await ok(
      "update",
      ...more,
      "--cpuset-cpus",
      "0",
      "--cpu-quota",
      "50000",
      "--restart",
      "on-failure:2",
      "grows",
    );
    const shown =
      "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}} {{.HostConfig.RestartPolicy.Name}}";
    expect(await ok("inspect", "--format", shown, "grows")).toBe(`${128 << 20} 200 0 on-failure`);
    const stats = await ok("stats", "--no-stream", "--format", "{{.MemUsage}}", "grows");
    expect(stats).toEndWith("/ 128MiB");
    const tooMuch = await docker("update", "--memory", "1g", "grows");
    expect(tooMuch.stderr).toContain("update the memoryswap at the same time");
    const both = await docker("update", "--cpus", "1", "grows");
    expect(both.stderr).toContain("Nano CPUs cannot be updated as CPU Quota has already been set");
    await ok("rm", "-f", "grows");
  },
  minute,
);

test(
  "security: no new privileges, a profile from a file, unmasked system paths, modules that the host lacks",
  async () => {
    const profile = `${daemon.identity.root}/no-mkdir.json`;
    await Bun.write(
      profile,
      JSON.stringify({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
      }),
    );
    const made = await run(["--security-opt", `seccomp=${profile}`], "mkdir", "/x");
    expect(made.stderr).toContain("No space left");
    const status = ["sh", "-c", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status"];
    const open = ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"];
    expect((await run(open, ...status)).stdout).toBe("NoNewPrivs:\t1\nSeccomp:\t0\n");
    const write = ["sh", "-c", "grep -c ' /proc/' /proc/mounts"];
    expect((await run([], ...write)).stdout.trim()).not.toBe("0");
    expect((await run(["--security-opt", "systempaths=unconfined"], ...write)).stdout.trim()).toBe("0");
    if (!existsSync("/sys/module/apparmor")) {
      const profiled = await run(["--security-opt", "apparmor=mine"], "echo", "runs");
      expect(profiled.stdout).toBe("runs\n");
      expect(profiled.stderr).toContain("AppArmor is not supported on this host");
    }
  },
  minute,
);

test(
  "settings of the kernel: only the container's own",
  async () => {
    const own = await run(["--sysctl", "net.core.somaxconn=77"], "cat", "/proc/sys/net/core/somaxconn");
    expect(own.stdout).toBe("77\n");
    expect(await refusal("--ipc", "host", "--sysctl", "kernel.msgmax=1")).toContain(
      "not allowed in the hosts ipc namespace",
    );
    expect(await refusal("--network", "host", "--sysctl", "net.core.somaxconn=1")).toContain(
      "not allowed in host network namespace",
    );
  },
  minute,
);

test(
  "links: names and variables on the default bridge, an alias of one's own on another network",
  async () => {
    await ok("run", "-d", "--name", "db", "--expose", "6379", "-e", "SIZE=3", image, "sleep", "1000");
    const address = await ok("inspect", "--format", "{{.NetworkSettings.IPAddress}}", "db");
    const script = "echo $STORE_PORT $STORE_NAME $STORE_ENV_SIZE; grep store /etc/hosts";
    const linked = await run(["--name", "web", "--link", "db:store"], "sh", "-c", script);
    expect(linked.stdout).toStartWith(`tcp://${address}:6379 /web/store 3\n`);
    expect(linked.stdout).toContain(address);
    await ok("create", "--name", "kept", "--link", "db:store", image);
    expect(await ok("inspect", "--format", "{{json .HostConfig.Links}}", "kept")).toBe('["/db:/kept/store"]');
    await ok("stop", "--time", "0", "db");
    expect((await docker("start", "kept")).stderr).toContain(
      "Cannot link to a non running container: /db AS /kept/store",
    );
    await ok("rm", "-f", "kept", "db");
    await ok("network", "create", "linked");
    await ok(
      "run",
      "-d",
      "--name",
      "own",
      "--network",
      "linked",
      "--link",
      "later:store",
      image,
      "sleep",
      "1000",
    );
    await ok("run", "-d", "--name", "later", "--network", "linked", image, "sleep", "1000");
    for (let turn = 0; turn < 100; turn++) {
      if ((await ok("exec", "own", "cat", "/etc/hosts")).includes("store")) break;
      await Bun.sleep(20);
    }
    expect(await ok("exec", "own", "ping", "-c", "1", "store")).toContain("1 packets received");
    await ok("rm", "-f", "own", "later");
    await ok("network", "rm", "linked");
  },
  minute,
);

test(
  "settings and link-local addresses of an endpoint's interface, at the start and when it is connected",
  async () => {
    await ok("network", "create", "first");
    await ok("network", "create", "second");
    const option = (setting: string) => `com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.${setting}`;
    const network = `name=first,"driver-opt=${option("log_martians=1")}"`;
    await ok("run", "-d", "--name", "tuned", "--network", network, image, "sleep", "1000");
    const second = ["--driver-opt", option("rp_filter=2"), "--link-local-ip", "169.254.7.7", "second"];
    await ok("network", "connect", ...second, "tuned");
    const read =
      "cd /proc/sys/net/ipv4/conf; cat eth0/log_martians eth1/rp_filter; ip addr show eth1 | grep -o 169.254.*/16";
    expect(await ok("exec", "tuned", "sh", "-c", read)).toBe("1\n2\n169.254.7.7/16");
    await ok("restart", "--time", "0", "tuned");
    expect(await ok("exec", "tuned", "sh", "-c", read)).toBe("1\n2\n169.254.7.7/16");
    const ipam = "{{json .NetworkSettings.Networks.second.IPAMConfig}}";
    expect(await ok("inspect", "--format", ipam, "tuned")).toBe('{"LinkLocalIPs":["169.254.7.7"]}');
    await ok("rm", "-f", "tuned");
    await ok("network", "rm", "first", "second");
  },
  minute,
);
