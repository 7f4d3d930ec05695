import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackClients, type DebianClients } from "../support/debian-clients.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** The docker CLI, compose version 2 and buildx as Debian 13 has them, unpacked into a folder of this test's own. */
const minute = 60_000;
let daemon: TestDaemon;
let folder = "";
let clients: DebianClients;

const dockerfile =
  'FROM box:1\nARG GREETING\nRUN echo "$GREETING" >/www/greeting\nCMD ["httpd", "-f", "-p", "80", "-h", "/www"]\n';
const file = `
services:
  web:
    build: {context: ., dockerfile: web.Dockerfile, args: {GREETING: hello}}
    init: true
    depends_on: {app: {condition: service_healthy}}
    networks: [front]
    ports: ["127.0.0.1::80"]
  app:
    image: box:1
    command: ["sh", "-c", "echo app up; sleep 0.5; touch /tmp/ready; exec sleep 1000"]
    init: true
    healthcheck: {test: ["CMD", "test", "-f", "/tmp/ready"], interval: 1s, retries: 10}
    networks: {front: {aliases: [backend]}}
    volumes: ["data:/data"]
    configs: [{source: greeting, target: /etc/greeting}]
    secrets: [word]
    deploy: {resources: {limits: {memory: 64M, cpus: "0.5"}}}
  worker:
    image: box:1
    command: sleep 1000
    init: true
    networks: [front]
    scale: 2
  tool:
    image: box:1
    profiles: [tools]
    networks: [front]
    volumes: ["data:/data"]
    command: ["sh", "-c", "exit 4"]
networks:
  front: {}
volumes:
  data: {}
configs:
  greeting: {file: ./greeting.txt}
secrets:
  word: {file: ./word.txt}
`;

beforeAll(async () => {
  folder = mkdtempSync("/tmp/virga-newer-");
  [daemon, clients] = await Promise.all([startDaemon(), unpackClients(folder, "trixie")]);
  await importBusybox(daemon);
  mkdirSync(join(folder, "shop"));
  for (const [name, text] of [["compose.yaml", file], ["web.Dockerfile", dockerfile], ["greeting.txt", "hi\n"], ["word.txt", "hush\n"]]) write(name!, text!); // prettier-ignore
}, 3 * minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(folder, { recursive: true, force: true });
}, minute);

const write = (name: string, text: string) => writeFileSync(join(folder, "shop", name), text);
const docker = async (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  await clients.run(daemon, args, { cwd: join(folder, "shop"), env: more });

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await docker(args, { DOCKER_BUILDKIT: "0" });
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

const compose = (...args: string[]) => ok("compose", "--ansi", "never", ...args);

describe("docker 26", () => {
  test(
    "version, run, ps, inspect, cp, stats, system df",
    async () => {
      expect(await ok("version", "--format", "{{.Client.Version}}")).toStartWith("26.");
      expect(await ok("run", "--rm", "box:1", "echo", "hello")).toBe("hello\n");
      await ok("run", "-d", "--name", "one", "--init", "--label", "a=b", "box:1", "sleep", "1000");
      const [line = ""] = (await ok("ps", "--format", "json", "--filter", "label=a=b")).split("\n");
      expect(JSON.parse(line)).toMatchObject({ Names: "one", State: "running", Labels: "a=b" });
      await ok("cp", "compose.yaml", "one:/tmp/copied");
      expect(await ok("exec", "one", "cat", "/tmp/copied")).toBe(file);
      expect(await ok("stats", "--no-stream", "--format", "{{.Name}}", "one")).toBe("one\n");
      expect(await ok("system", "df", "--format", "{{.Type}}")).toContain("Images");
      expect((await docker(["exec", "one", "nonsense"])).exitCode).toBe(127);
      await ok("rm", "-f", "one");
    },
    minute,
  );

  test(
    "the classic builder, which DOCKER_BUILDKIT=0 asks for",
    async () => {
      write("Dockerfile", "FROM box:1\nRUN echo built >/built\n");
      expect(await ok("build", "-t", "built:1", ".")).toContain("Successfully tagged built:1");
      expect(await ok("run", "--rm", "built:1", "cat", "/built")).toBe("built\n");
    },
    minute,
  );

  test(
    "buildx, which nothing asks for",
    async () => {
      const { exitCode, stdout, stderr } = await docker(["build", "-t", "built:2", "."]);
      expect({ exitCode, text: stdout + stderr }).toMatchObject({ exitCode: 0, text: expect.stringContaining("RUN echo built") }); // prettier-ignore
      expect(await ok("run", "--rm", "built:2", "cat", "/built")).toBe("built\n");
    },
    minute,
  );
});

describe("compose 2", () => {
  test("config", async () => {
    expect(await ok("compose", "version", "--short")).toStartWith("2.");
    expect((await compose("config", "--services")).trim().split("\n").toSorted()).toEqual([
      "app",
      "web",
      "worker",
    ]);
    expect(await compose("config", "--format", "json")).toContain('"backend"');
  });

  test(
    "build, and up that waits until everything is healthy",
    async () => {
      await compose("build");
      await compose("up", "-d", "--wait");
      const lines = (await compose("ps", "--format", "json")).trim().split("\n");
      const states = lines.map(
        (line) => JSON.parse(line) as { Service: string; State: string; Health: string },
      );
      expect(states.map(({ Service, State, Health }) => `${Service} ${State} ${Health}`.trim()).toSorted()).toEqual([
      "app running healthy", "web running", "worker running", "worker running",
    ]); // prettier-ignore
    },
    minute,
  );

  test(
    "what the services were asked for is what they have",
    async () => {
      const address = (await compose("port", "web", "80")).trim();
      expect(await (await fetch(`http://${address}/greeting`)).text()).toBe("hello\n");
      expect(await compose("exec", "-T", "app", "cat", "/etc/greeting", "/run/secrets/word")).toBe(
        "hi\nhush\n",
      );
      expect(
        await compose("exec", "-T", "web", "sh", "-c", "ping -c 1 -W 2 backend >/dev/null; echo $?"),
      ).toBe("0\n");
      const id = (await compose("ps", "-q", "app")).trim();
      expect(await ok("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", id)).toBe(
        "67108864 500000000\n",
      );
    },
    minute,
  );

  test(
    "logs, exec, cp, run --rm, top",
    async () => {
      expect(await compose("logs", "--no-color", "app")).toContain("app up");
      expect((await docker(["compose", "exec", "-T", "app", "sh", "-c", "exit 6"])).exitCode).toBe(6);
      await compose("cp", "greeting.txt", "app:/data/copied");
      expect(await compose("exec", "-T", "app", "cat", "/data/copied")).toBe("hi\n");
      expect(await compose("run", "--rm", "-T", "--no-deps", "tool", "cat", "/data/copied")).toBe("hi\n");
      expect((await docker(["compose", "run", "--rm", "-T", "--no-deps", "tool"])).exitCode).toBe(4);
      expect(await compose("top", "worker")).toContain("sleep 1000");
    },
    minute,
  );

  test(
    "a change recreates that service alone; up again changes nothing",
    async () => {
      const ids = async () =>
        await Promise.all(["app", "web"].map(async (one) => (await compose("ps", "-q", one)).trim()));
      const before = await ids();
      await compose("up", "-d");
      expect(await ids()).toEqual(before);
      write(
        "compose.yaml",
        file
          .replace("GREETING: hello", "GREETING: other")
          .replace("init: true", "init: true\n    environment: {A: b}"),
      );
      await compose("up", "-d", "--build", "--wait");
      const after = await ids();
      expect(after[0]).toBe(before[0]);
      expect(after[1]).not.toBe(before[1]);
      await compose("up", "-d");
      expect(await ids()).toEqual(after);
      const address = (await compose("port", "web", "80")).trim();
      expect(await (await fetch(`http://${address}/greeting`)).text()).toBe("other\n");
    },
    minute,
  );

  test(
    "scale, stop, start, events",
    async () => {
      const events = Bun.spawn([clients.docker, "compose", "events", "--json"], {
      cwd: join(folder, "shop"), env: clients.environment(daemon), stdout: "pipe", stderr: "ignore",
    }); // prettier-ignore
      let seen = "";
      const reading = (async () => {
        for await (const chunk of events.stdout) seen += Buffer.from(chunk).toString();
      })();
      await Bun.sleep(1000);
      await compose("up", "-d", "--no-recreate", "--scale", "worker=3");
      expect((await compose("ps", "-q", "worker")).trim().split("\n")).toHaveLength(3);
      await compose("stop", "-t", "0", "worker");
      await compose("start", "worker");
      await eventually(
        "compose tells of the starts and ends",
        () => /"action":"die"/.test(seen) && /"action":"start"/.test(seen),
      );
      events.kill();
      await Promise.all([reading, events.exited]);
    },
    minute,
  );

  test(
    "down -v takes everything away",
    async () => {
      await compose("down", "-v", "-t", "0", "--remove-orphans");
      expect(await ok("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toBe("");
      expect(await ok("network", "ls", "-q", "--filter", "name=shop")).toBe("");
      expect(await ok("volume", "ls", "-q", "--filter", "name=shop")).toBe("");
    },
    minute,
  );
});
