import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { daemonIdentity, run, runChecked } from "../../src/host/index.ts";
import { busyboxTar, leftovers } from "../support/daemon.ts";

/** Runs inside the machine that test/e2e/systemd.test.ts boots; an emulated processor is some fifty times slower. */
const root = "/var/lib/virga";
const slowly = 300_000;
const environment = { DOCKER_HOST: "unix:///run/virga/docker.sock" };

const docker = (...args: string[]) => run(["docker", ...args], { env: { ...process.env, ...environment } });

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await docker(...args);
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")}: exit code ${exitCode}\n${stderr}`);
  return stdout.trim();
}

const systemctl = (...args: string[]) => runChecked(["systemctl", ...args]);

async function eventually(what: string, probe: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + slowly;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`it did not come true: ${what}`);
    await Bun.sleep(1000);
  }
}

beforeAll(async () => {
  await Bun.write("/etc/systemd/system/virga.service", await runChecked(["./virga", "system", "unit"]));
  await systemctl("daemon-reload");
  await systemctl("start", "virga");
  const tar = await busyboxTar();
  await ok("import", "--change", "ENV PATH=/bin", tar, "box");
  rmSync(tar);
  await ok("network", "create", "lane");
  await ok(
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "lane",
    "-p",
    "8081:80",
    "box",
    "httpd",
    "-f",
    "-h",
    "/www",
  );
  const tick = "trap exit TERM; while :; do echo tick; sleep 1; done";
  await ok(
    "run",
    "-d",
    "--name",
    "keep",
    "--health-cmd",
    "true",
    "--health-interval",
    "1s",
    "box",
    "sh",
    "-c",
    tick,
  );
}, slowly);

afterAll(async () => {
  await systemctl("stop", "virga");
}, slowly);

test("the machine is what it is meant to be", async () => {
  expect(existsSync("/sys/fs/cgroup/cgroup.controllers")).toBe(true);
  expect(readFileSync("/proc/1/comm", "utf8")).toBe("systemd\n");
  expect(await ok("info", "--format", "{{.CgroupVersion}}")).toBe("2");
  expect((await run(["./virga", "doctor"])).stdout).toContain("version 2");
});

test("the unit is active when the daemon answers, not before", async () => {
  await systemctl("restart", "virga");
  expect((await docker("ps")).exitCode).toBe(0);
});

test("limits", async () => {
  const limits = ["-m", "64m", "--memory-reservation", "32m", "--cpus", "0.5", "--cpu-shares", "512"];
  const files = "memory.max memory.low memory.swap.max cpu.max cpu.weight pids.max io.weight";
  const shown = await ok(
    ...["run", "--rm", ...limits, "--pids-limit", "50", "--blkio-weight", "300", "box"],
    ...["sh", "-c", `cd /sys/fs/cgroup; cat ${files}; cat /proc/self/cgroup`],
  );
  expect(shown.split("\n")).toEqual([
    "67108864",
    "33554432",
    "67108864",
    "50000 100000",
    "20",
    "50",
    "default 2930",
    "0::/",
  ]);
});

test("limits that are changed while it runs", async () => {
  await ok(
    "update",
    "--memory",
    "128m",
    "--memory-swap",
    "256m",
    "--cpus",
    "1.5",
    "--pids-limit",
    "77",
    "keep",
  );
  const files = ["memory.max", "memory.swap.max", "cpu.max", "pids.max"].map(
    (name) => `/sys/fs/cgroup/${name}`,
  );
  expect((await ok("exec", "keep", "cat", ...files)).split("\n")).toEqual([
    "134217728",
    "134217728",
    "150000 100000",
    "77",
  ]);
});

test("one that wants more memory than it may have is killed, and says so", async () => {
  const greedy = await docker(
    "run",
    "--name",
    "greedy",
    "-m",
    "16m",
    "box",
    "dd",
    "if=/dev/zero",
    "of=/dev/null",
    "bs=60M",
  );
  expect(greedy.exitCode).toBe(137);
  expect(await ok("inspect", "--format", "{{.State.OOMKilled}}", "greedy")).toBe("true");
  await ok("rm", "greedy");
});

test("names, published ports, the host's control groups, runc", async () => {
  expect(await ok("run", "--rm", "--network", "lane", "box", "wget", "-qO-", "http://web/")).toBe("ok");
  expect(await (await fetch("http://127.0.0.1:8081/")).text()).toBe("ok\n");
  expect(await ok("run", "--rm", "--cgroupns", "host", "box", "cat", "/proc/self/cgroup")).toMatch(
    /^0::\/virga-[0-9a-f]+\/[0-9a-f]{64}$/,
  );
  expect(
    await ok("run", "--rm", "--runtime", "runc", "-m", "64m", "box", "cat", "/sys/fs/cgroup/memory.max"),
  ).toBe("67108864");
});

test("statistics, pause", async () => {
  const stats = await ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "web");
  expect(stats).toMatch(/^[1-9][0-9.]*[KM]iB \/ .* 1$/);
  await ok("pause", "keep");
  expect(await ok("ps", "--filter", "name=keep", "--format", "{{.Status}}")).toContain("Paused");
  await ok("unpause", "keep");
});

test.each([
  ["restarted", async () => systemctl("restart", "virga")],
  [
    "killed, and started again by systemd",
    async () => systemctl("kill", "-s", "KILL", "--kill-whom=main", "virga"),
  ],
])("containers go on while the daemon is %s", async (_how, act) => {
  const pids = () => ok("inspect", "--format", "{{.State.Pid}} {{.State.Running}}", "web", "keep");
  const before = await pids();
  const main = async () => systemctl("show", "-P", "MainPID", "virga");
  const daemon = await main();
  await act();
  await eventually("another daemon answers", async () => {
    return (await main()) !== daemon && (await docker("version")).exitCode === 0;
  });
  expect(await pids()).toBe(before);
  await eventually(
    "it is healthy",
    async () => (await ok("inspect", "--format", "{{.State.Health.Status}}", "keep")) === "healthy",
  );
  expect(await ok("logs", "--tail", "1", "keep")).toBe("tick");
});

test("after all nothing is left", async () => {
  await ok("rm", "-f", "web", "keep");
  await ok("network", "rm", "lane");
  await systemctl("stop", "virga");
  expect(await leftovers(daemonIdentity(root))).toEqual([]);
});
