import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** Log drivers and their options, by the real docker CLI. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const run = (options: readonly string[], script: string) =>
  daemon.docker(["run", ...options, image, "sh", "-c", script]);

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterAll(() => daemon.destroy(), minute);

test(
  "json-file: labels, variables and tag are details of each line, and inspect tells the options",
  async () => {
    const log = ["--log-opt", "labels=tier", "--log-opt", "env=SIZE", "--log-opt", "tag={{.Name}}"];
    await run(["--name", "detailed", "--label", "tier=front end", "-e", "SIZE=7", ...log], "echo line");
    expect(await ok("logs", "--details", "detailed")).toBe("SIZE=7,tag=detailed,tier=front+end line");
    expect(await ok("logs", "detailed")).toBe("line");
    expect(JSON.parse(await ok("inspect", "--format", "{{json .HostConfig.LogConfig}}", "detailed"))).toEqual(
      {
        Type: "json-file",
        Config: { labels: "tier", env: "SIZE", tag: "{{.Name}}" },
      },
    );
    await ok("rm", "detailed");
  },
  minute,
);

test(
  "compressed: rotated files are gzipped, and all of the log can be read",
  async () => {
    const log = ["--log-opt", "max-size=64k", "--log-opt", "max-file=3", "--log-opt", "compress=true"];
    await run(["-d", "--name", "large", ...log], "seq 1 4000; sleep 1000");
    const folder = daemon.identity.path("containers", await ok("inspect", "--format", "{{.Id}}", "large"));
    for (let turn = 0; turn < 200 && !existsSync(`${folder}/log.1.gz`); turn++) await Bun.sleep(50);
    expect(existsSync(`${folder}/log.1.gz`)).toBe(true);
    const lines = (await ok("logs", "large")).split("\n");
    expect([lines[0], lines.at(-1), lines.length]).toEqual(["1", "4000", 4000]);
    expect(await ok("logs", "--tail", "2", "large")).toBe("3999\n4000");
    await ok("rm", "-f", "large");
  },
  minute,
);

test(
  "none: nothing to read; unknown drivers and options: Docker's words",
  async () => {
    await run(["--name", "mute", "--log-driver", "none"], "echo nobody reads this");
    expect((await daemon.docker(["logs", "mute"])).stderr).toContain(
      "configured logging driver does not support reading",
    );
    await ok("rm", "mute");
    const refusal = async (...options: string[]) => (await run(options, "true")).stderr;
    expect(await refusal("--log-driver", "splunk")).toContain("no log driver named 'splunk' is registered");
    expect(await refusal("--log-opt", "max-sise=1")).toContain(
      "unknown log opt 'max-sise' for json-file log driver",
    );
    if (!existsSync("/run/systemd/journal/socket")) {
      expect(await refusal("--log-driver", "journald")).toContain("journald is not enabled on this host");
    }
    if (!["/dev/log", "/var/run/syslog"].some(existsSync)) {
      expect(await refusal("--log-driver", "syslog")).toContain("Unix syslog delivery error");
    }
  },
  minute,
);

test(
  "syslog: each line is sent on, those of a time without a daemon too; the log can be read",
  async () => {
    const got: string[] = [];
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: (_socket, message) => void got.push(message.toString()) },
    });
    const told = async (text: string) => {
      for (let turn = 0; turn < 200 && !got.some((one) => one.endsWith(text)); turn++) await Bun.sleep(50);
      expect(got.filter((one) => one.endsWith(text))).toHaveLength(1);
    };
    const log = ["--log-driver", "syslog", "--log-opt", `syslog-address=udp://127.0.0.1:${socket.port}`];
    const script = "echo first; echo wrong >&2; read x; echo second; read x; echo third";
    await run(["-d", "-i", "--name", "sent", ...log, "--log-opt", "tag=mine"], script);
    await told(": first");
    await told(": wrong");
    expect(got.find((one) => one.endsWith("first"))).toMatch(/^<30>\S+ [ \d]\d \S+ \S+ mine\[\d+\]: first$/);
    expect(got.find((one) => one.endsWith("wrong"))).toStartWith("<27>");
    const attached = Bun.spawn(["docker", "attach", "--sig-proxy=false", "sent"], {
      env: { ...process.env, DOCKER_HOST: daemon.dockerHost },
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    void attached.stdin.write("x\n");
    await attached.stdin.flush();
    await told(": second");
    await daemon.crash();
    await daemon.start();
    expect(await ok("logs", "--tail", "1", "sent")).toBe("second");
    await ok("kill", "sent");
    attached.kill();
    await attached.exited;
    await ok("rm", "sent");
    socket.close();
  },
  minute,
);
