import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isVirgaError } from "../base/index.ts";
import { readCgroupFacts } from "../host/index.ts";
import type { TaskExit, TaskSpec } from "./runtime.ts";
import { openRuntimeBench, readAll, type RuntimeBench } from "./testing.ts";

let bench: RuntimeBench;
beforeAll(async () => void (bench = await openRuntimeBench()));
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  expect(bench.cgroups()).toEqual([]);
});

function exitOf(id: string): Promise<TaskExit> {
  return new Promise((resolve) => {
    const listening = bench.runtime.onExit((ended, exit) => {
      if (ended !== id) return;
      listening[Symbol.dispose]();
      resolve(exit);
    });
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "no error",
    (error: unknown) => (isVirgaError(error) ? `${error.kind} ${error.code}` : `not ours: ${String(error)}`),
  );
}

/** Everything of a task that could be left over on the machine. */
function leftovers(id: string): string[] {
  const { identity } = bench;
  return [
    ...readdirSync(identity.path("run", "tasks")),
    ...readdirSync(identity.path("run", "exits")),
    ...readdirSync(identity.path("run", "runtime", "crun")),
    ...bench.cgroups(),
  ].filter((name) => name.includes(id));
}

describe("the life of a task", () => {
  test("created, running, stopped with its exit code, gone", async () => {
    const { runtime } = bench;
    const spec = bench.spec(["sh", "-c", "read x; exit 7"], { stdin: true });
    const { pid } = await runtime.create(spec);
    expect(await runtime.inspect(spec.id)).toEqual({ status: "created", pid });
    const streams = await runtime.attach(spec.id);
    const exited = exitOf(spec.id);
    await runtime.start(spec.id);
    expect(await runtime.inspect(spec.id)).toEqual({ status: "running", pid });
    expect(await codeOf(runtime.delete(spec.id))).toBe("conflict task.running");
    await streams.write(Buffer.from("go\n"));
    const exit = await exited;
    expect(exit.exitCode).toBe(7);
    expect(exit.oomKilled).toBe(false);
    expect(Math.abs(exit.endedAt.getTime() - Date.now())).toBeLessThan(5000);
    expect(await runtime.inspect(spec.id)).toEqual({ status: "stopped", exit });
    expect(await codeOf(runtime.kill(spec.id, 15))).toBe("not-found task.not-running");
    await runtime.delete(spec.id);
    expect(await runtime.inspect(spec.id)).toEqual({ status: "unknown" });
    expect(leftovers(spec.id)).toEqual([]);
    expect(readdirSync(spec.bundle)).toEqual(["config.json"]);
  });

  test("a signal gives 128 and its number, and is told once", async () => {
    const spec = bench.spec(["sleep", "1000"]);
    await bench.runtime.create(spec);
    const told: number[] = [];
    using _listening = bench.runtime.onExit((id, exit) => void (id === spec.id && told.push(exit.exitCode)));
    await bench.runtime.start(spec.id);
    const exited = exitOf(spec.id);
    await bench.runtime.kill(spec.id, 9);
    await exited;
    await Bun.sleep(1200); // a scan goes by
    expect(told).toEqual([137]);
    await bench.runtime.delete(spec.id);
  });

  test("delete by force of a running, a paused and a created task leaves nothing", async () => {
    for (const doing of ["run", "pause", "create"]) {
      const spec = bench.spec(["sh", "-c", "sleep 1000 & sleep 1000"]);
      const { pid } = await bench.runtime.create(spec);
      if (doing !== "create") await bench.runtime.start(spec.id);
      if (doing === "pause") {
        await bench.runtime.pause(spec.id);
        expect((await bench.runtime.inspect(spec.id)).status).toBe("paused");
      }
      await bench.runtime.delete(spec.id, true);
      expect(leftovers(spec.id)).toEqual([]);
      expect(existsSync(`/proc/${pid}/root/bin`)).toBe(false);
    }
  });

  test("resume lets a paused task go on; processes lists all of it", async () => {
    const spec = bench.spec(["sh", "-c", "sleep 1000 & sleep 1000"]);
    const { pid } = await bench.runtime.create(spec);
    await bench.runtime.start(spec.id);
    while ((await bench.runtime.processes(spec.id)).length < 2) await Bun.sleep(5);
    expect(await bench.runtime.processes(spec.id)).toContain(pid);
    await bench.runtime.pause(spec.id);
    await bench.runtime.resume(spec.id);
    expect((await bench.runtime.inspect(spec.id)).status).toBe("running");
    await bench.runtime.kill(spec.id, 9, true);
  });
});

describe("a create that fails leaves nothing and says why", () => {
  const cases: [string, string[], string][] = [
    ["a missing command", ["nosuch"], "invalid task.command-not-found"],
    ["a missing path", ["/opt/nosuch"], "invalid task.command-not-found"],
    ["a file without execute permission", ["/etc/plain"], "invalid task.command-not-executable"],
    ["a directory", ["/bin"], "invalid task.command-not-executable"],
  ];
  for (const [name, command, code] of cases) {
    test(name, async () => {
      writeFileSync(join(bench.rootfs, "etc/plain"), "text", { mode: 0o644 });
      const spec = bench.spec(command);
      expect(await codeOf(bench.runtime.create(spec))).toBe(code);
      expect(leftovers(spec.id)).toEqual([]);
      expect(await bench.runtime.inspect(spec.id)).toEqual({ status: "unknown" });
    });
  }

  test("a root filesystem that is not there, in the runtime's words", async () => {
    const spec = bench.spec(["true"]);
    const broken = { ...spec, config: { ...spec.config, root: { path: "/nonexistent/rootfs" } } };
    const error = await bench.runtime.create(broken).catch((thrown: Error) => thrown);
    expect(isVirgaError(error, "internal") && error.message).toContain("/nonexistent/rootfs");
    expect(leftovers(spec.id)).toEqual([]);
  });

  test("an abort", async () => {
    const spec = bench.spec(["sleep", "1000"]);
    const abort = new AbortController();
    const created = bench.runtime.create(spec, abort.signal);
    abort.abort(new Error("stop that"));
    expect(await codeOf(created)).toBe("not ours: Error: stop that");
    expect(leftovers(spec.id)).toEqual([]);
  });

  test("a cgroup below the administrator's: what was made on the way goes with the last task", async () => {
    const { runtime, identity } = bench;
    const parent = `/${identity.tag}-parent`;
    const there = () => readCgroupFacts().hierarchies.filter((top) => existsSync(join(top, parent)));
    const within = (spec: TaskSpec) => ({
      ...spec,
      config: {
        ...spec.config,
        linux: { ...(spec.config["linux"] as object), cgroupsPath: `${parent}/inner/${spec.id}` },
      },
    });
    const specs = [bench.spec(["sleep", "1000"]), bench.spec(["sleep", "1000"])].map(within);
    for (const spec of specs) await runtime.create(spec);
    expect(await runtime.processes(specs[0]!.id)).toHaveLength(1);
    expect(there().length).toBeGreaterThan(0);
    await runtime.delete(specs[0]!.id, true);
    expect(there().length).toBeGreaterThan(0);
    await runtime.delete(specs[1]!.id, true);
    expect(there()).toEqual([]);
  });

  test("an unknown runtime, a foreign cgroup, an id that is a path", async () => {
    const spec = bench.spec(["true"]);
    expect(await codeOf(bench.runtime.create({ ...spec, runtime: "kata" }))).toBe("invalid runtime.unknown");
    const foreign = { ...spec, config: { ...spec.config, linux: { cgroupsPath: "/system.slice/sshd" } } };
    expect(await codeOf(bench.runtime.create(foreign))).toBe("internal task.foreign-cgroup");
    expect(await codeOf(bench.runtime.create({ ...spec, id: "../../etc" }))).toBe("invalid task.id-invalid");
  });
});

describe("after a restart of the daemon", () => {
  test("running tasks, ended tasks and their streams are found again", async () => {
    const [lives, ends] = [
      bench.spec(["sh", "-c", "read x; exit 3"], { stdin: true }),
      bench.spec(["sh", "-c", "exit 4"]),
    ];
    const { pid } = await bench.runtime.create(lives);
    await bench.runtime.start(lives.id);
    await bench.runtime.create(ends);
    const exited = exitOf(ends.id);
    await bench.runtime.start(ends.id);
    await exited;

    const runtime = await bench.restart();
    const told: string[] = [];
    using _listening = runtime.onExit((id) => told.push(id));
    expect(await runtime.inspect(lives.id)).toEqual({ status: "running", pid });
    expect(await runtime.inspect(ends.id)).toMatchObject({ status: "stopped", exit: { exitCode: 4 } });
    const streams = await runtime.attach(lives.id);
    const later = exitOf(lives.id);
    await streams.write(Buffer.from("x\n"));
    expect((await later).exitCode).toBe(3);
    expect(told).toEqual([lives.id]);
    await runtime.delete(lives.id);
    await runtime.delete(ends.id);
  });

  test("a task that a crash left half-made can be created again", async () => {
    const spec = bench.spec(["true"]);
    await bench.runtime.create(spec);
    await bench.restart();
    await bench.runtime.delete(spec.id, true);
    const { pid } = await bench.runtime.create(spec);
    expect(pid).toBeGreaterThan(1);
    await bench.runtime.delete(spec.id, true);
  });

  test("a daemon that is killed while it creates leaves nothing that cannot be removed", async () => {
    // Killed at different moments: before conmon, while the runtime works, when it is done.
    for (const after of [0, 2, 5, 8, 12, 20, 40]) {
      const spec = bench.spec(["sleep", "1000"]);
      const script = join(bench.identity.root, "creates.ts");
      writeFileSync(
        script,
        `import { systemClock, silentLogger } from "${import.meta.dir}/../base/index.ts";
         import { createThreadNamespaces, daemonIdentity } from "${import.meta.dir}/../host/index.ts";
         import { createRuntime } from "${import.meta.dir}/runtimes.ts";
         const runtime = await createRuntime({
           identity: daemonIdentity(${JSON.stringify(bench.identity.root)}), namespaces: createThreadNamespaces(),
           clock: systemClock, logger: silentLogger, runtimes: { crun: { path: "crun" } },
         });
         console.log("ready");
         await runtime.create(JSON.parse(await Bun.stdin.text()));
         await Bun.sleep(1000);`,
      );
      const daemon = Bun.spawn([process.execPath, script], { stdin: "pipe", stdout: "pipe" });
      await daemon.stdout.getReader().read();
      void daemon.stdin.write(JSON.stringify(spec));
      await daemon.stdin.end();
      await Bun.sleep(after);
      daemon.kill("SIGKILL");
      await daemon.exited;
      const runtime = await bench.restart();
      await runtime.delete(spec.id, true);
      await Bun.sleep(60); // whatever was still at work would be done by now
      expect(leftovers(spec.id)).toEqual([]);
      const processes = Bun.spawnSync(["ps", "-eo", "stat,args"]).stdout.toString().split("\n");
      expect(processes.filter((line) => line.includes(spec.id) && !line.startsWith("Z"))).toEqual([]);
    }
  }, 20_000);

  test("a pid of an earlier boot, or of a later process, means nothing", async () => {
    const spec = bench.spec(["sleep", "1000"]);
    await bench.runtime.create(spec);
    const path = bench.identity.path("run", "tasks", `${spec.id}.json`);
    const record = JSON.parse(readFileSync(path, "utf8")) as { boot: string; process: { startTime: number } };
    const { boot } = record;
    writeFileSync(path, JSON.stringify({ ...record, boot: "another" }));
    expect(await (await bench.restart()).inspect(spec.id)).toEqual({ status: "unknown" });
    record.process.startTime += 1;
    writeFileSync(path, JSON.stringify({ ...record, boot }));
    expect(await (await bench.restart()).inspect(spec.id)).toEqual({ status: "unknown" });
    await bench.runtime.delete(spec.id, true);
    expect(leftovers(spec.id)).toEqual([]);
  });
});

test("a task whose monitor was killed is told as ended, with code 255", async () => {
  const spec = bench.spec(["sleep", "1000"]);
  await bench.runtime.create(spec);
  await bench.runtime.start(spec.id);
  const path = bench.identity.path("run", "tasks", `${spec.id}.json`);
  const { monitor } = JSON.parse(readFileSync(path, "utf8")) as { monitor: { pid: number } };
  process.kill(monitor.pid, "SIGKILL");
  await Bun.sleep(50);
  expect((await bench.runtime.inspect(spec.id)).status).toBe("running");
  const exited = exitOf(spec.id);
  await bench.runtime.kill(spec.id, 9);
  expect((await exited).exitCode).toBe(255);
  await bench.runtime.delete(spec.id);
  expect(leftovers(spec.id)).toEqual([]);
});

test("the log is written in conmon's format, and into a new file after reopenLog", async () => {
  const path = join(bench.identity.root, "task.log");
  const spec = bench.spec(["sh", "-c", "echo first; read x; echo second >&2"], {
    stdin: true,
    log: { kind: "file", path, maxBytes: 1 << 20 },
  });
  await bench.runtime.create(spec);
  const streams = await bench.runtime.attach(spec.id);
  const exited = exitOf(spec.id);
  await bench.runtime.start(spec.id);
  while (!readFileSync(path, "utf8").includes("first")) await Bun.sleep(5);
  renameSync(path, `${path}.1`);
  await bench.runtime.reopenLog(spec.id);
  await streams.write(Buffer.from("x\n"));
  await exited;
  expect(readFileSync(`${path}.1`, "utf8")).toMatch(/^\S+ stdout F first\n$/);
  expect(readFileSync(path, "utf8")).toMatch(/^\S+ stderr F second\n$/);
  await bench.runtime.delete(spec.id);
});

test("limits, counters and the kernel's killing for want of memory", async () => {
  const spec = bench.spec(["sh", "-c", "read x; tail /dev/zero"], {
    stdin: true,
    linux: { resources: { memory: { limit: 32 << 20 } } },
  });
  await bench.runtime.create(spec);
  const streams = await bench.runtime.attach(spec.id);
  await bench.runtime.start(spec.id);
  expect((await bench.runtime.stats(spec.id)).memoryLimitBytes).toBe(32 << 20);
  await bench.runtime.update(spec.id, { memory: { limit: 16 << 20 } });
  const stats = await bench.runtime.stats(spec.id);
  expect(stats.memoryLimitBytes).toBe(16 << 20);
  expect(stats.pids).toBe(1);
  expect(stats.cpuTotalNs).toBeGreaterThan(0n);
  expect(stats.memoryBytes).toBeGreaterThan(0);
  const exited = exitOf(spec.id);
  await streams.write(Buffer.from("x\n"));
  const exit = await exited;
  expect(exit.oomKilled).toBe(true);
  expect(exit.exitCode).toBe(137);
  await bench.runtime.delete(spec.id);
});

test("fifty tasks, one after the other and side by side, leave no descriptor, process or cgroup behind", async () => {
  const once = async () => {
    const spec = bench.spec(["echo", "hello"]);
    await bench.runtime.create(spec);
    const streams = await bench.runtime.attach(spec.id);
    const exited = exitOf(spec.id);
    await bench.runtime.start(spec.id);
    expect(await readAll(streams.output)).toBe("hello\n");
    expect((await exited).exitCode).toBe(0);
    await bench.runtime.delete(spec.id);
  };
  await once();
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  for (let round = 0; round < 10; round++) await Promise.all([once(), once(), once(), once(), once()]);
  Bun.gc(true);
  await Bun.sleep(20);
  expect(descriptors()).toBeLessThanOrEqual(before + 2);
}, 30_000);
