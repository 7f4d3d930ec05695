import { afterAll, beforeAll, expect, test as always } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/**
 * docker-compose 1.29 (Python, docker-py), as Debian 12 has it, on a stack like a website's, from the build to
 * `down -v`. Later releases have version 2 under that name.
 */
const isVersion1 = Bun.spawnSync(["/usr/bin/docker-compose", "version", "--short"])
  .stdout.toString()
  .startsWith("1.");
const test = always.skipIf(!isVersion1);
const minute = 60_000;
const project = "shop";
let daemon: TestDaemon;
let folder = "";

const file = `
version: "3.9"
services:
  web:
    build:
      context: web
      args: {GREETING: hello}
    image: shop-web
    depends_on: [app]
    networks: [front]
    ports: ["127.0.0.1::8080"]
    environment: [UPSTREAM=app]
    restart: unless-stopped
  app:
    image: box:1
    command: ["sh", "-c", "echo app up; echo $$SECRET >/data/secret; exec httpd -f -p 9000 -h /srv"]
    stop_signal: SIGKILL
    working_dir: /srv
    env_file: app.env
    volumes: ["data:/data", "./srv:/srv:ro"]
    networks:
      front: {aliases: [backend]}
      back: {ipv4_address: 10.97.3.10}
    healthcheck: {test: ["CMD", "test", "-f", "/data/secret"], interval: 1s, timeout: 5s, retries: 5}
    labels: {tier: middle}
    ulimits: {nofile: 512}
    sysctls: {net.core.somaxconn: 99}
    cap_drop: [MKNOD]
    logging: {driver: json-file, options: {max-size: 1m}}
    extra_hosts: ["other:192.0.2.1"]
    tmpfs: [/scratch]
  db:
    image: box:1
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    networks: [back]
    volumes: [/var/lib/db]
    mem_limit: 64m
    read_only: true
  job:
    image: box:1
    profiles: [tools]
    volumes: ["data:/data:ro"]
    command: ["sh", "-c", "exit 5"]
networks:
  front: {}
  back:
    internal: true
    ipam: {config: [{subnet: 10.97.3.0/24}]}
volumes:
  data: {labels: {keep: "no"}}
`;

const compose = async (...args: string[]) =>
  await run(["/usr/bin/docker-compose", "--ansi", "never", ...args], {
    cwd: folder,
    env: daemon.environment,
  });

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await compose(...args);
  if (exitCode !== 0) throw new Error(`docker-compose ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout + stderr;
}

const inspect = (name: string, format: string) => daemon.dockerOk(["inspect", "--format", format, name]);
const id = (name: string) => inspect(name, "{{.Id}}");
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon);
  folder = join(mkdtempSync("/tmp/virga-compose-v1-"), project);
  for (const name of ["web", "srv"]) mkdirSync(join(folder, name), { recursive: true });
  write("docker-compose.yml", file);
  write("app.env", "SECRET=xyzzy\n");
  write("srv/index.html", "from the app\n");
  write(
    "web/Dockerfile",
    `FROM box:1
ARG GREETING
RUN echo $GREETING >/www/greeting
COPY page.html /www/index.html
EXPOSE 8080
STOPSIGNAL SIGKILL
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
  );
  write("web/page.html", "the page\n");
}, minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(join(folder, ".."), { recursive: true, force: true });
}, minute);

test("version and config", async () => {
  expect(await ok("version", "--short")).toStartWith("1.29");
  const config = await ok("config");
  expect(config).toContain("10.97.3.10");
  expect((await ok("config", "--services")).split("\n").toSorted().join(" ").trim()).toBe("app db job web");
});

test(
  "build with arguments, and again from the cache",
  async () => {
    expect(await ok("build")).toContain("Successfully tagged shop-web:latest");
    expect(await ok("build")).toContain("Using cache");
  },
  minute,
);

test(
  "up -d makes networks, volumes and containers, in the order of depends_on",
  async () => {
    const said = await ok("up", "-d");
    for (const name of ["shop_front", "shop_back", "shop_data"]) expect(said).toContain(name);
    const started = await Promise.all(
      ["shop_app_1", "shop_web_1"].map((one) => inspect(one, "{{.State.StartedAt}}")),
    );
    expect(started[0]! < started[1]!).toBe(true);
    expect(await daemon.dockerOk(["network", "inspect", "--format", "{{.Internal}}", "shop_back"])).toBe(
      "true",
    );
    expect(await daemon.dockerOk(["volume", "inspect", "--format", "{{.Labels.keep}}", "shop_data"])).toBe(
      "no",
    );
  },
  minute,
);

test(
  "what the services were asked for is what they have",
  async () => {
    const [address = ""] = (await ok("port", "web", "8080")).trim().split("\n");
    expect(address).toStartWith("127.0.0.1:");
    expect(await (await fetch(`http://${address}/`)).text()).toBe("the page\n");
    expect(await (await fetch(`http://${address}/greeting`)).text()).toBe("hello\n");
    expect(await ok("exec", "-T", "web", "wget", "-qO-", "http://backend:9000/")).toBe("from the app\n");
    expect(await ok("exec", "-T", "db", "wget", "-qO-", "http://10.97.3.10:9000/")).toBe("from the app\n");
    expect(
      await ok(
        "exec",
        "-T",
        "app",
        "sh",
        "-c",
        "cat /data/secret; ulimit -n; cat /proc/sys/net/core/somaxconn",
      ),
    ).toBe("xyzzy\n512\n99\n");
    expect((await compose("exec", "-T", "app", "touch", "/srv/x")).stderr).toContain("Read-only file system");
    expect((await compose("exec", "-T", "db", "touch", "/x")).stderr).toContain("Read-only file system");
    expect(await ok("exec", "-T", "app", "grep", "other", "/etc/hosts")).toContain("192.0.2.1");
    expect(
      await ok(
        "exec",
        "-T",
        "-e",
        "A=b",
        "-w",
        "/tmp",
        "-u",
        "1000",
        "app",
        "sh",
        "-c",
        "echo $A; pwd; id -u",
      ),
    ).toBe("b\n/tmp\n1000\n");
    expect((await compose("exec", "-T", "app", "sh", "-c", "exit 9")).exitCode).toBe(9);
    await eventually(
      "app is healthy",
      async () => (await inspect("shop_app_1", "{{.State.Health.Status}}")) === "healthy",
    );
  },
  minute,
);

test("ps, top, images, logs", async () => {
  const ps = await ok("ps");
  expect(ps).toMatch(/shop_app_1 .*Up \(healthy\)/);
  expect(ps).toMatch(/shop_web_1 .*127\.0\.0\.1:\d+->8080\/tcp/);
  expect(await ok("top", "db")).toContain("sleep 1000");
  expect(await ok("images")).toContain("shop-web");
  expect(await ok("logs", "--no-color", "app")).toContain("app_1  | app up");
  expect(await ok("logs", "--no-color", "--tail=0", "app")).not.toContain("app up");
});

test(
  "up again changes nothing; a change recreates that service alone and keeps its anonymous volume",
  async () => {
    const before = await Promise.all(["shop_app_1", "shop_db_1", "shop_web_1"].map(id));
    expect(await ok("up", "-d")).toContain("is up-to-date");
    expect(await Promise.all(["shop_app_1", "shop_db_1", "shop_web_1"].map(id))).toEqual(before);
    const volume = await inspect("shop_db_1", "{{(index .Mounts 0).Name}}");
    write("docker-compose.yml", file.replace("mem_limit: 64m", "mem_limit: 96m"));
    expect(await ok("up", "-d")).toContain("Recreating shop_db_1");
    expect(await id("shop_app_1")).toBe(before[0]!);
    expect(await id("shop_db_1")).not.toBe(before[1]!);
    expect(await inspect("shop_db_1", "{{.HostConfig.Memory}}")).toBe(String(96 * 1024 * 1024));
    expect(await inspect("shop_db_1", "{{(index .Mounts 0).Name}}")).toBe(volume);
  },
  minute,
);

test(
  "a changed image is built and its service recreated",
  async () => {
    write("web/page.html", "another page\n");
    expect(await ok("up", "-d", "--build", "web")).toContain("Recreating shop_web_1");
    const address = (await ok("port", "web", "8080")).trim();
    expect(await (await fetch(`http://${address}/`)).text()).toBe("another page\n");
  },
  minute,
);

test(
  "scale up and down",
  async () => {
    await ok("up", "-d", "--scale", "db=3", "--no-recreate", "db");
    expect((await ok("ps", "-q", "db")).trim().split("\n")).toHaveLength(3);
    await ok("up", "-d", "--scale", "db=1", "--no-recreate", "db");
    expect((await ok("ps", "-q", "db")).trim().split("\n")).toHaveLength(1);
  },
  minute,
);

test(
  "stop, start, restart, pause, kill, run, rm",
  async () => {
    await ok("stop", "app");
    expect(await inspect("shop_app_1", "{{.State.Status}}")).toBe("exited");
    await ok("start", "app");
    await ok("restart", "-t", "0", "app");
    await ok("pause", "app");
    expect(await ok("ps", "app")).toContain("Paused");
    await ok("unpause", "app");
    await ok("kill", "db");
    expect(await inspect("shop_db_1", "{{.State.ExitCode}}")).toBe("137");
    expect(
      await ok(
        "run",
        "--rm",
        "--no-deps",
        "-T",
        "-e",
        "A=once",
        "job",
        "sh",
        "-c",
        "echo $A; cat /data/secret",
      ),
    ).toContain("once\nxyzzy\n");
    expect((await compose("run", "--rm", "--no-deps", "-T", "job")).exitCode).toBe(5);
    await ok("rm", "-f", "db");
    expect((await ok("ps", "-q", "db")).trim()).toBe("");
  },
  minute,
);

test(
  "events, while up --abort-on-container-exit shows the output and takes the exit code",
  async () => {
    write(
      "once.yml",
      'version: "3.8"\nservices:\n  job: {image: "box:1", command: ["sh", "-c", "echo working; sleep 0.2; exit 3"]}\n  idle: {image: "box:1", command: sleep 1000, stop_grace_period: 0s}\n',
    );
    const events = Bun.spawn(["/usr/bin/docker-compose", "-f", "once.yml", "-p", "once", "events", "--json"], {
    cwd: folder, env: daemon.environment, stdout: "pipe", stderr: "ignore",
  }); // prettier-ignore
    let seen = "";
    const reading = (async () => {
      for await (const chunk of events.stdout) seen += Buffer.from(chunk).toString();
    })();
    await Bun.sleep(1000);
    const up = await compose(
      "-f",
      "once.yml",
      "-p",
      "once",
      "up",
      "--abort-on-container-exit",
      "--exit-code-from",
      "job",
    );
    expect(up.exitCode).toBe(3);
    expect(up.stdout).toContain("working");
    await eventually("compose reports the end", () =>
      /"action": ?"die"[^\n]*once_job_1|once_job_1[^\n]*"action": ?"die"/.test(seen),
    );
    events.kill();
    await Promise.all([reading, events.exited]);
    await ok("-f", "once.yml", "-p", "once", "down");
  },
  minute,
);

test(
  "down -v --rmi takes everything away",
  async () => {
    const said = await ok("down", "-v", "--rmi", "local", "--remove-orphans", "-t", "0");
    expect(said).toContain("Removing volume shop_data");
    expect(await daemon.dockerOk(["ps", "-aq"])).toBe("");
    expect(await daemon.dockerOk(["network", "ls", "--filter", "name=shop", "-q"])).toBe("");
    expect(await daemon.dockerOk(["volume", "ls", "-q", "--filter", "name=shop"])).toBe("");
  },
  minute,
);
