import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/** The same life by each OCI runtime that Debian has, by the real docker CLI. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
let before: string[];
let folder: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);

/** Without what is being written just now. */
const held = async () => (await holdings(daemon)).filter((one) => !one.includes("/.virga-tmp-"));

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-runtimes-");
  // Another program that is a crun, by another name: nothing is known of it but the specification.
  symlinkSync(Bun.which("crun")!, join(folder, "mine"));
  const more = [
    "--runtime",
    `mine=${folder}/mine --cgroup-manager=cgroupfs`,
    "--runtime",
    `gone=${folder}/gone`,
  ];
  daemon = await startDaemon({ arguments: more });
  image = await importBusybox(daemon);
  before = await held();
}, minute);

afterAll(async () => {
  const after = await held();
  await daemon.destroy();
  expect(after).toEqual(before);
  rmSync(folder, { recursive: true, force: true });
}, minute);

describe.each(["runc", "runsc", "mine"])("%s", (runtime) => {
  const run = (...args: string[]) => docker("run", "--rm", "--runtime", runtime, ...args);

  test(
    "runs a command: output, errors, input, exit code",
    async () => {
      const script = "echo out; echo err >&2; cat; exit 9";
      const options = { stdin: "typed\n" };
      const ran = await daemon.docker(
        ["run", "--rm", "-i", "--runtime", runtime, image, "sh", "-c", script],
        options,
      );
      expect([ran.stdout, ran.stderr, ran.exitCode]).toEqual(["out\ntyped\n", "err\n", 9]);
      expect((await run(image, "nosuch")).exitCode).toBe(127);
      expect((await run(image, "/etc")).exitCode).toBe(126);
      const killed = await run(image, "sh", "-c", "kill -9 $$; sleep 5");
      expect([0, 137]).toContain(killed.exitCode);
    },
    minute,
  );

  test(
    "a service: logs, exec, top, stats, pause, signals, stop, restart",
    async () => {
      const script = "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
      await ok(
        "run",
        "-d",
        "--name",
        "serves",
        "--runtime",
        runtime,
        "--memory",
        "256m",
        image,
        "sh",
        "-c",
        script,
      );
      const told = async (text: string) => {
        for (let turn = 0; turn < 100 && !(await ok("logs", "serves")).includes(text); turn++)
          await Bun.sleep(50);
        expect(await ok("logs", "serves")).toContain(text);
      };
      await told("ready");
      expect(await ok("inspect", "--format", "{{.HostConfig.Runtime}} {{.State.Status}}", "serves")).toBe(
        `${runtime} running`,
      );
      expect(await ok("exec", "serves", "sh", "-c", "echo $((6 * 7))")).toBe("42");
      expect((await docker("exec", "serves", "sh", "-c", "exit 8")).exitCode).toBe(8);
      for (const [command, code] of [
        ["nosuch", 127],
        ["/nosuch", 127],
        ["/etc", 126],
        ["/etc/passwd", 126],
      ] as const) {
        expect([command, (await docker("exec", "serves", command)).exitCode]).toEqual([command, code]);
      }
      expect(
        await ok("exec", "-t", "serves", "sh", "-c", "test -t 0 && test -t 1 && echo terminal"),
      ).toContain("terminal");
      const stats = await ok("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", "serves");
      expect(stats).toMatch(/^[\d.]+[KM]iB \/ 256MiB [1-9]/);
      expect((await ok("top", "serves")).split("\n").length).toBeGreaterThan(1);
      await ok("pause", "serves");
      expect(await ok("inspect", "--format", "{{.State.Status}}", "serves")).toBe("paused");
      await ok("unpause", "serves");
      await ok("stop", "--time", "10", "serves");
      await told("asked");
      expect(await ok("inspect", "--format", "{{.State.ExitCode}}", "serves")).toBe("5");
      await ok("start", "serves");
      await ok("kill", "serves");
      expect(await ok("inspect", "--format", "{{.State.ExitCode}}", "serves")).toBe("137");
      await ok("rm", "serves");
    },
    minute,
  );

  test(
    "files: copied in and out, in the layer, in volumes",
    async () => {
      await ok(
        "run",
        "-d",
        "--name",
        "files",
        "--runtime",
        runtime,
        "-v",
        "vol:/data",
        image,
        "sleep",
        "1000",
      );
      await ok("exec", "files", "sh", "-c", "echo made > /made; echo kept > /data/kept");
      expect(await ok("diff", "files")).toContain("A /made");
      writeFileSync(join(folder, "put"), "from outside\n");
      chmodSync(join(folder, "put"), 0o644);
      await ok("exec", "files", "ls", "/");
      await ok("cp", join(folder, "put"), "files:/put");
      expect(await ok("exec", "files", "cat", "/put")).toBe("from outside");
      await ok("rm", "-f", "files");
      expect((await run("-v", "vol:/data", image, "cat", "/data/kept")).stdout).toBe("kept\n");
      await ok("volume", "rm", "vol");
    },
    minute,
  );

  test(
    "a network: names both ways, a published port, a daemon that is killed",
    async () => {
      await ok("network", "create", "lan");
      const serve = "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8000 -h /www";
      await ok(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "lan",
        "-p",
        "127.0.0.1::8000",
        "--runtime",
        runtime,
        image,
        "sh",
        "-c",
        serve,
      );
      const page = async () => {
        const address = (await ok("port", "web", "8000")).split("\n")[0]!;
        for (let turn = 0; turn < 100; turn++) {
          const got = await fetch(`http://${address}/`).then(
            (one) => one.text(),
            () => "",
          );
          if (got !== "") return got;
          await Bun.sleep(50);
        }
        return "nothing";
      };
      expect(await page()).toBe("page\n");
      // From another runtime to it, and from it to another.
      expect(await ok("run", "--rm", "--network", "lan", image, "wget", "-qO-", "http://web:8000/")).toBe(
        "page",
      );
      expect((await run("--network", "lan", image, "wget", "-qO-", "http://web:8000/")).stdout).toBe(
        "page\n",
      );
      await daemon.crash();
      expect(await page().catch(() => "no daemon")).toBe("no daemon");
      await daemon.start();
      expect(await page()).toBe("page\n");
      expect(await ok("exec", "web", "echo", "still here")).toBe("still here");
      const pid = Number(await ok("inspect", "--format", "{{.State.Pid}}", "web"));
      await daemon.crash();
      process.kill(pid, "SIGKILL");
      await daemon.start();
      expect(await ok("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "web")).toBe(
        "exited 137",
      );
      await ok("rm", "-f", "web");
      await ok("network", "rm", "lan");
    },
    2 * minute,
  );
});

test(
  "runtimes that are not there: unknown, or missing with the package to install; info names those that are",
  async () => {
    const refusal = async (name: string) =>
      (await docker("run", "--rm", "--runtime", name, image, "true")).stderr;
    expect(await refusal("nosuch")).toContain("unknown or invalid runtime name: nosuch");
    expect(await refusal("gone")).toContain("is not installed");
    expect(await refusal("gone")).toContain("apt-get install gone");
    const info = JSON.parse(await ok("info", "--format", "{{json .Runtimes}}")) as Record<
      string,
      { path: string }
    >;
    expect(Object.keys(info).toSorted()).toEqual(["crun", "mine", "runc", "runsc"]);
    expect(info["mine"]!.path).toBe(`${folder}/mine`);
  },
  minute,
);

test(
  "what gVisor cannot do is refused by name",
  async () => {
    const refusal = async (...options: string[]) => {
      const { stderr, exitCode } = await docker(
        "run",
        "--rm",
        "--runtime",
        "runsc",
        ...options,
        image,
        "true",
      );
      expect(exitCode).toBe(125);
      return stderr;
    };
    expect(await refusal("--pid", "host")).toContain("cannot share the PID namespace of the host");
    expect(await refusal("--device", "/dev/null:/dev/n")).toContain("cannot give devices of the host");
    await ok("network", "create", "late");
    await ok("run", "-d", "--name", "boxed", "--runtime", "runsc", image, "sleep", "1000");
    expect((await docker("network", "connect", "late", "boxed")).stderr).toContain("while it runs");
    expect((await docker("update", "--memory", "300m", "--memory-swap", "300m", "boxed")).stderr).toContain(
      "cannot change the limits",
    );
    await ok("rm", "-f", "boxed");
    await ok("network", "rm", "late");
    const host = await docker("run", "--rm", "--runtime", "runsc", "--network", "host", image, "ip", "addr");
    expect(host.stdout).toContain("lo");
  },
  minute,
);
