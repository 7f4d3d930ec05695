import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, importBusybox, leftovers, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";

/** A daemon that is killed in the middle of something: the next one leaves nothing half made, and it works again. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;
let directory: string;

const ok = (...args: string[]) => daemon.dockerOk(args);

beforeAll(async () => {
  directory = mkdtempSync("/tmp/virga-leftovers-");
  daemon = await startDaemon();
  image = await importBusybox(daemon);
  // The default network's bridge and the like are there from the first container on.
  await ok("run", "--rm", image, "true");
}, minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(directory, { recursive: true });
}, minute);

/** Starts a client, kills the daemon `delay` milliseconds later, and starts the next one. */
async function interrupted(delay: number, command: readonly string[], environment = {}): Promise<void> {
  const client = Bun.spawn([...command], {
    env: {
      ...process.env,
      DOCKER_BUILDKIT: "0",
      DOCKER_HOST: daemon.dockerHost,
      VIRGA_ROOT: daemon.identity.root,
      ...environment,
    },
    stdio: ["ignore", "ignore", "ignore"],
  });
  await Bun.sleep(delay);
  await daemon.crash();
  await client.exited;
  await daemon.start();
}

const steps = (from: number, to: number, by: number) =>
  Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);

/** Holds what it held before, if not at once then soon; names what is too much or missing. */
async function expectUnchanged(before: readonly string[], what: string): Promise<void> {
  let now = await holdings(daemon);
  for (let turn = 0; turn < 200 && now.join() !== before.join(); turn++) {
    await Bun.sleep(50);
    now = await holdings(daemon);
  }
  const more = now.filter((line) => !before.includes(line));
  const less = before.filter((line) => !now.includes(line));
  expect({ what, more, less }).toEqual({ what, more: [], less: [] });
}

describe("killed in the middle of", () => {
  test(
    "docker run",
    async () => {
      const before = await holdings(daemon);
      const run = [
        "docker",
        "run",
        "-d",
        "--rm",
        "--name",
        "cut",
        "-p",
        "127.0.0.1:18471:80",
        "-v",
        "/anonymous",
        image,
        "sleep",
        "1000",
      ];
      for (const delay of steps(10, 130, 12)) {
        await interrupted(delay, run);
        const state = await daemon.docker(["inspect", "--format", "{{.State.Status}}", "cut"]);
        if (state.exitCode === 0) {
          // It was let go before the kill: then it is a container like any other.
          expect(state.stdout).toBe("running\n");
          expect(await ok("exec", "cut", "echo", "here")).toBe("here");
          await ok("rm", "-f", "-v", "cut");
        }
        await expectUnchanged(before, `killed after ${delay} ms`);
        await ok(...run.slice(1));
        await ok("rm", "-f", "-v", "cut");
        await expectUnchanged(before, `the same again after ${delay} ms`);
      }
    },
    minute,
  );

  test(
    "docker rm -f",
    async () => {
      const before = await holdings(daemon);
      for (const delay of steps(10, 60, 10)) {
        await ok(
          "run",
          "-d",
          "--name",
          "cut",
          "-p",
          "127.0.0.1:18471:80",
          "-v",
          "/anonymous",
          image,
          "sleep",
          "1000",
        );
        await interrupted(delay, ["docker", "rm", "-f", "-v", "cut"]);
        const left = await daemon.docker(["inspect", "--format", "{{.State.Status}}", "cut"]);
        if (left.exitCode === 0) {
          expect(left.stdout).toMatch(/^(running|exited)\n$/);
          await ok("rm", "-f", "-v", "cut");
        }
        await expectUnchanged(before, `killed after ${delay} ms`);
      }
    },
    minute,
  );

  test(
    "docker build, in a RUN",
    async () => {
      const before = await holdings(daemon);
      const context = join(directory, "context");
      mkdirSync(context, { recursive: true });
      writeFileSync(
        join(context, "Dockerfile"),
        `FROM ${image}\nRUN echo made >/made && sleep 0.3 && head -c 3000000 /dev/urandom >/more\n`,
      );
      const build = ["build", "-q", "-t", "cut:1", context];
      for (const delay of steps(60, 560, 100)) {
        await interrupted(delay, ["docker", ...build]);
        if ((await daemon.docker(["image", "inspect", "cut:1"])).exitCode === 0) await ok("rmi", "cut:1");
        await ok("builder", "prune", "-af");
        await expectUnchanged(before, `killed after ${delay} ms`);
      }
      await ok(...build);
      expect(await ok("run", "--rm", "cut:1", "cat", "/made")).toBe("made");
      await ok("rmi", "cut:1");
      await ok("builder", "prune", "-af");
      await expectUnchanged(before, "at the end");
    },
    minute,
  );

  test(
    "docker import and docker load",
    async () => {
      const before = await holdings(daemon);
      const folder = join(directory, "big");
      mkdirSync(folder, { recursive: true });
      for (let file = 0; file < 40; file++)
        writeFileSync(
          join(folder, String(file)),
          crypto.getRandomValues(new Uint8Array(65536)).toString().repeat(4),
        );
      const [root, saved] = [join(directory, "big.tar"), join(directory, "saved.tar")];
      await Bun.$`tar -C ${folder} -cf ${root} .`.quiet();
      await ok("import", root, "big:1");
      await ok("save", "-o", saved, "big:1");
      await ok("rmi", "big:1");
      await expectUnchanged(before, "before");
      for (const command of [
        ["import", root, "big:1"],
        ["load", "-q", "-i", saved],
      ]) {
        for (const delay of steps(15, 165, 30)) {
          await interrupted(delay, ["docker", ...command]);
          if ((await daemon.docker(["image", "inspect", "big:1"])).exitCode === 0) await ok("rmi", "big:1");
          await expectUnchanged(before, `${command[0]} killed after ${delay} ms`);
        }
        await ok(...command);
        expect(await ok("image", "inspect", "--format", "{{len .RootFS.Layers}}", "big:1")).toBe("1");
        await ok("rmi", "big:1");
        await expectUnchanged(before, `${command[0]} at the end`);
      }
    },
    2 * minute,
  );

  test(
    "docker rmi",
    async () => {
      const before = await holdings(daemon);
      const root = join(directory, "big.tar");
      for (const delay of steps(10, 40, 10)) {
        await ok("import", root, "big:1");
        await interrupted(delay, ["docker", "rmi", "big:1"]);
        const left = await daemon.docker(["run", "--name", "probe", "big:1", "/nothing"]);
        expect(left.exitCode).toBe(left.stderr.includes("Unable to find image") ? 125 : 127);
        await daemon.docker(["rm", "probe"]);
        await daemon.docker(["rmi", "big:1"]);
        await expectUnchanged(before, `killed after ${delay} ms`);
      }
    },
    minute,
  );

  test(
    "virga up",
    async () => {
      const before = await holdings(daemon);
      const stack = join(directory, "stack");
      mkdirSync(join(stack, "app"), { recursive: true });
      writeFileSync(
        join(stack, "app/Dockerfile"),
        `FROM ${image}\nRUN echo app >/who\nCMD ["sleep", "1000"]\n`,
      );
      writeFileSync(join(stack, "secret"), "hush");
      writeFileSync(
        join(stack, "compose.yaml"),
        `name: cut
services:
  app:
    build: app
    stop_signal: SIGKILL
    depends_on: { web: { condition: service_healthy } }
    secrets: [token]
  web:
    image: ${image}
    stop_signal: SIGKILL
    command: httpd -f -h /www
    ports: ["127.0.0.1:18472:80"]
    volumes: ["data:/data"]
    healthcheck: { test: wget -qO- http://127.0.0.1/, interval: 200ms }
volumes: { data: {} }
secrets: { token: { file: ./secret } }
`,
      );
      const program = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
      const page = async () =>
        (await fetch("http://127.0.0.1:18472/", { signal: AbortSignal.timeout(2000) })).text();
      for (const delay of [...steps(120, 620, 100), 900]) {
        await interrupted(delay, [...program, "up", stack]);
        const up = await daemon.virga(["up", stack]);
        expect([delay, up.exitCode, up.stderr]).toEqual([delay, 0, up.stderr]);
        expect((await ok("ps", "--format", "{{.Names}}")).split("\n").toSorted()).toEqual([
          "cut-app-1",
          "cut-web-1",
        ]);
        expect(await page()).toBe("ok\n");
        expect(await ok("exec", "cut-app-1", "cat", "/who", "/run/secrets/token")).toBe("app\nhush");
        const down = await daemon.virga(["down", "--volumes", stack]);
        expect([delay, down.exitCode, down.stderr]).toEqual([delay, 0, down.stderr]);
        await ok("rmi", "cut-app");
        await ok("builder", "prune", "-af");
        await expectUnchanged(before, `killed after ${delay} ms`);
      }
    },
    2 * minute,
  );
});

test(
  "a daemon that is killed without a container leaves little, and the next one's stop nothing",
  async () => {
    await ok("run", "--rm", image, "true");
    await daemon.crash();
    await daemon.start();
    await daemon.stop();
    expect(await leftovers(daemon.identity)).toEqual([]);
    await daemon.start();
  },
  minute,
);

test(
  "a daemon that is killed at its start",
  async () => {
    await ok(
      "run",
      "-d",
      "--name",
      "witness",
      "-p",
      "127.0.0.1:18473:80",
      image,
      "httpd",
      "-f",
      "-h",
      "/www",
    );
    const before = await holdings(daemon);
    await daemon.crash();
    for (const delay of steps(40, 240, 25)) {
      const starting = Bun.spawn(
        [
          process.execPath,
          join(import.meta.dir, "../../src/main.ts"),
          "serve",
          "--root",
          daemon.identity.root,
        ],
        {
          stdio: ["ignore", "ignore", "ignore"],
        },
      );
      await Bun.sleep(delay);
      starting.kill("SIGKILL");
      await starting.exited;
    }
    await daemon.start();
    await eventually(
      "everything is as before",
      async () => JSON.stringify(await holdings(daemon)) === JSON.stringify(before),
    );
    expect(await (await fetch("http://127.0.0.1:18473/")).text()).toBe("ok\n");
    expect(await ok("exec", "witness", "echo", "hi")).toBe("hi");
    await ok("rm", "-f", "witness");
  },
  minute,
);
