import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, importBusybox, leftovers, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** What a daemon that is killed, or stopped, owes the containers that run. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
/** A folder that containers see at /flag. */
let flags: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const inspect = (name: string, format: string) => ok("inspect", "--format", format, name);
const start = (name: string, ...args: string[]) => ok("run", "-d", "--name", name, ...args);
const raise = (flag: string) => writeFileSync(join(flags, flag), "");
const withFlags = () => ["-v", `${flags}:/flag`];
/** A shell script that waits until `flag` is there. */
const after = (flag: string, then: string) => `while [ ! -e /flag/${flag} ]; do sleep 0.05; done; ${then}`;

beforeAll(async () => {
  flags = mkdtempSync("/tmp/virga-flags-");
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterEach(async () => {
  const ids = (await ok("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length > 0) await ok("rm", "-f", "-v", ...ids);
}, minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(flags, { recursive: true });
}, minute);

describe("kill -9 of the daemon", () => {
  test(
    "the exit codes of what ended meanwhile",
    async () => {
      const endings = {
        zero: ["exit 0", "0"],
        seven: ["exit 7", "7"],
        term: ["kill -TERM $$; sleep 9", "143"],
        killed: ["kill -KILL $$", "137"],
        segv: ["kill -SEGV $$; sleep 9", "139"],
        abort: ["kill -ABRT $$; sleep 9", "134"],
      } as const;
      const names = Object.keys(endings) as (keyof typeof endings)[];
      // With an init process, because the kernel keeps a first process from signals that it does not handle.
      for (const name of names)
        await start(name, "--init", ...withFlags(), image, "sh", "-c", after("end", endings[name][0]));
      await start("host-killed", image, "sleep", "1000");
      const pid = Number(await inspect("host-killed", "{{.State.Pid}}"));
      const before = Date.now();
      await daemon.crash();
      raise("end");
      process.kill(pid, "SIGKILL");
      await Bun.sleep(1000);
      await daemon.start();
      for (const name of names) {
        expect([name, await inspect(name, "{{.State.Status}} {{.State.ExitCode}}")]).toEqual([
          name,
          `exited ${endings[name][1]}`,
        ]);
        expect(await ok("wait", name)).toBe(endings[name][1]);
        const ended = Date.parse(await inspect(name, "{{.State.FinishedAt}}"));
        expect(ended).toBeGreaterThanOrEqual(before - 1000);
        expect(ended).toBeLessThanOrEqual(before + 1000);
      }
      expect(await inspect("host-killed", "{{.State.ExitCode}}")).toBe("137");
      expect(await ok("start", "seven")).toBe("seven");
    },
    minute,
  );

  test(
    "no line of a log is lost, and streams, exec and stop work again",
    async () => {
      const count = "trap 'echo bye; exit 5' TERM; i=0; while :; do echo $((i=i+1)); sleep 0.01; done";
      await start("counter", image, "sh", "-c", count);
      for (let turn = 0; turn < 3; turn++) {
        await Bun.sleep(300);
        await daemon.crash();
        await Bun.sleep(300);
        await daemon.start();
      }
      await Bun.sleep(200);
      const numbers = (await ok("logs", "counter")).split("\n").map(Number);
      expect(numbers.length).toBeGreaterThan(80);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(await ok("exec", "counter", "echo", "hello")).toBe("hello");
      await ok("stop", "-t", "5", "counter");
      expect(await inspect("counter", "{{.State.ExitCode}}")).toBe("5");
      expect(await ok("logs", "--tail", "1", "counter")).toBe("bye");
    },
    minute,
  );

  test(
    "a client that comes after speaks with the container",
    async () => {
      await start("listening", "-i", image, "sh", "-c", "read word; echo got $word; exit 6");
      await daemon.crash();
      await daemon.start();
      const session = Bun.spawn(["docker", "attach", "listening"], {
        env: { ...process.env, DOCKER_HOST: daemon.dockerHost },
        stdin: "pipe",
        stdout: "pipe",
      });
      await session.stdin.write("said after\n");
      await session.stdin.flush();
      expect(await session.stdout.text()).toBe("got said after\n");
      expect(await session.exited).toBe(6);
    },
    minute,
  );

  test(
    "restart policies",
    async () => {
      const failing = ["sh", "-c", after("policies", "[ -e /once ] && sleep 1000; touch /once; exit 3")];
      const fine = ["sh", "-c", after("policies", "exit 0")];
      await start("always", "--restart", "always", ...withFlags(), image, ...failing);
      await start("on-failure", "--restart", "on-failure:3", ...withFlags(), image, ...failing);
      await start("on-success", "--restart", "on-failure:3", ...withFlags(), image, ...fine);
      await start("unless-stopped", "--restart", "unless-stopped", ...withFlags(), image, ...failing);
      await start("none", ...withFlags(), image, ...failing);
      await start("stopped-always", "--restart", "always", image, "sleep", "1000");
      await start("stopped-unless", "--restart", "unless-stopped", image, "sleep", "1000");
      await ok("kill", "stopped-always", "stopped-unless");
      await daemon.crash();
      raise("policies");
      await Bun.sleep(500);
      await daemon.start();
      const running = ["always", "on-failure", "unless-stopped", "stopped-always"];
      await eventually("they run again", async () => {
        const now = (await ok("ps", "--format", "{{.Names}}")).split("\n").toSorted();
        return JSON.stringify(now) === JSON.stringify(running.toSorted());
      });
      expect(await inspect("on-success", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 0");
      expect(await inspect("none", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 3");
      expect(await inspect("stopped-unless", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 137");
    },
    minute,
  );

  test(
    "a restart that waits, and its count, go on",
    async () => {
      await start("flapping", "--restart", "on-failure:4", image, "sh", "-c", "echo up; exit 1");
      await eventually(
        "it restarts",
        async () => Number(await inspect("flapping", "{{.RestartCount}}")) >= 2,
      );
      await daemon.crash();
      await daemon.start();
      await eventually(
        "it gives up",
        async () => (await inspect("flapping", "{{.State.Status}}")) === "exited",
      );
      expect(await inspect("flapping", "{{.RestartCount}} {{.State.ExitCode}}")).toBe("4 1");
      expect((await ok("logs", "flapping")).split("\n")).toHaveLength(5);
    },
    minute,
  );

  test(
    "health checks continue",
    async () => {
      const health = (state: string) => async () =>
        (await inspect("patient", "{{.State.Health.Status}}")) === state;
      await start(
        "patient",
        ...["--health-cmd", "test -e /well", "--health-interval", "300ms", "--health-retries", "2"],
        ...[image, "sh", "-c", "touch /well; sleep 1000"],
      );
      await eventually("it is healthy", health("healthy"));
      await daemon.crash();
      await daemon.start();
      await eventually("it is healthy again", health("healthy"));
      await ok("exec", "patient", "rm", "/well");
      await eventually("it is unhealthy", health("unhealthy"));
      await daemon.crash();
      await daemon.start();
      await ok("exec", "patient", "touch", "/well");
      await eventually("it is healthy a last time", health("healthy"));
    },
    minute,
  );

  test(
    "published ports and names answer all the time",
    async () => {
      await ok("network", "create", "lane");
      const serve = (text: string) => [
        "sh",
        "-c",
        `mkdir /w; echo ${text} >/w/index.html; exec httpd -f -h /w`,
      ];
      await start(
        "server",
        "--network",
        "lane",
        "--network-alias",
        "www",
        "-p",
        "127.0.0.1::80",
        image,
        ...serve("one"),
      );
      const port = (await ok("port", "server", "80")).split(":")[1]!;
      const ask = "while :; do wget -qO- http://www/ || echo failed; sleep 0.02; done";
      await start("asking", "--network", "lane", image, "sh", "-c", ask);
      const page = async () =>
        (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })).text();
      /** The server in a container that has just started may not listen yet. */
      const firstPage = async (tries = 100): Promise<string> => {
        try {
          return await page();
        } catch (error) {
          if (tries === 0) throw error;
          await Bun.sleep(20);
          return await firstPage(tries - 1);
        }
      };
      expect(await firstPage()).toBe("one\n");
      for (let turn = 0; turn < 2; turn++) {
        await daemon.crash();
        for (let asked = 0; asked < 10; asked++) expect(await page()).toBe("one\n");
        await daemon.start();
        for (let asked = 0; asked < 10; asked++) expect(await page()).toBe("one\n");
      }
      await Bun.sleep(200);
      expect(await ok("port", "server", "80")).toBe(`127.0.0.1:${port}`);
      const answers = (await ok("logs", "asking")).split("\n");
      expect(answers.length).toBeGreaterThan(10);
      expect(new Set(answers)).toEqual(new Set(["one"]));
      // Still known to the network, and free once they go.
      await start("second", "--network", "lane", "--network-alias", "two", image, ...serve("two"));
      await ok("exec", "asking", "wget", "-qO-", "http://two/");
      await ok("rm", "-f", "server", "asking", "second");
      await start("again", "-p", `127.0.0.1:${port}:80`, image, ...serve("again"));
      expect(await firstPage()).toBe("again\n");
      await ok("rm", "-f", "again");
      await ok("network", "rm", "lane");
    },
    minute,
  );

  test(
    "a network whose containers ended meanwhile gives their addresses away again",
    async () => {
      await ok("network", "create", "--subnet", "10.213.7.0/29", "small");
      // A gateway, a network and a broadcast address leave five.
      const names = ["n1", "n2", "n3", "n4", "n5"];
      for (const name of names)
        await start(
          name,
          "--rm",
          "--network",
          "small",
          ...withFlags(),
          image,
          "sh",
          "-c",
          after("small", "exit 0"),
        );
      expect((await daemon.docker(["run", "--rm", "--network", "small", image, "true"])).exitCode).toBe(125);
      await daemon.crash();
      raise("small");
      await Bun.sleep(500);
      await daemon.start();
      await eventually("they are gone", async () => (await ok("ps", "-aq")) === "");
      for (const name of names) await start(name, "--network", "small", image, "sleep", "1000");
      await ok("rm", "-f", ...names);
      await ok("network", "rm", "small");
    },
    minute,
  );
});

describe("virga system stop", () => {
  test(
    "running containers go on, and the next daemon takes them up",
    async () => {
      await start("steady", "-p", "127.0.0.1::80", image, "httpd", "-f", "-h", "/www");
      const port = (await ok("port", "steady", "80")).split(":")[1]!;
      const pid = await inspect("steady", "{{.State.Pid}}");
      const stopped = await daemon.virga(["system", "stop"]);
      expect([stopped.exitCode, stopped.stdout]).toEqual([0, "stopped; 1 container goes on running\n"]);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("ok\n");
      await daemon.start();
      expect(await inspect("steady", "{{.State.Running}} {{.State.Pid}}")).toBe(`true ${pid}`);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("ok\n");
      await ok("rm", "-f", "steady");
    },
    minute,
  );

  test(
    "without containers it leaves nothing on the host",
    async () => {
      await ok("network", "create", "empty");
      await ok("run", "--rm", "--network", "empty", "-p", "127.0.0.1::80", image, "true");
      await start("done", image, "true");
      await ok("wait", "done");
      const stopped = await daemon.virga(["system", "stop"]);
      expect([stopped.exitCode, stopped.stdout]).toEqual([0, "stopped\n"]);
      expect(await leftovers(daemon.identity)).toEqual([]);
      await daemon.start();
      expect(await ok("start", "done")).toBe("done");
      await ok("wait", "done");
      expect(await ok("run", "--rm", "--network", "empty", image, "echo", "back")).toBe("back");
      await ok("network", "rm", "empty");
    },
    minute,
  );
});
