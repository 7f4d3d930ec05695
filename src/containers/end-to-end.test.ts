import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/index.ts";
import { daemonIdentity, listInterfaces, mountsBelow, run } from "../host/index.ts";
import type { Attachment } from "./container.ts";
import type { ContainerSpec } from "./spec.ts";
import { importBusybox, openMachine, type Machine } from "./testing-machine.ts";

let root: string;
let on: Machine;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "virga-e2e-")));
  on = await openMachine(root);
  await importBusybox(on, root);
}, 30_000);

/** A test that fails leaves what it made to be seen, and then takes it away. */
afterEach(async () => {
  for (const { id } of on.containers.list()) await on.containers.remove(id, { force: true, volumes: true });
  await on.volumes.prune({ all: true });
}, 30_000);

afterAll(async () => {
  await on[Symbol.asyncDispose]();
  const { cgroupParent } = daemonIdentity(root);
  for (const controller of readdirSync("/sys/fs/cgroup")) {
    const folder = `/sys/fs/cgroup/${controller}${cgroupParent}`;
    if (existsSync(folder)) rmdirSync(folder);
  }
  await rm(root, { recursive: true, force: true });
}, 30_000);

/** What this daemon has on the machine, outside of its state. */
async function onTheMachine(): Promise<Record<string, unknown>> {
  const { interfacePrefix, cgroupParent, nftTable } = daemonIdentity(root);
  const folder = join(root, "containers");
  const controllers = readdirSync("/sys/fs/cgroup");
  const table = await run(["nft", "list", "table", "inet", nftTable]);
  return {
    mounts: mountsBelow(root).map((one) => one.target),
    links: (await listInterfaces())
      .filter((one) => one.name.startsWith(interfacePrefix) && one.kind === "veth")
      .map((one) => one.name),
    cgroups: controllers.flatMap((controller) => {
      const folder = `/sys/fs/cgroup/${controller}${cgroupParent}`;
      if (!existsSync(folder)) return [];
      return readdirSync(folder, { withFileTypes: true })
        .filter((one) => one.isDirectory())
        .map((one) => one.name);
    }),
    folders: existsSync(folder) ? readdirSync(folder) : [],
    ports: [...table.stdout.matchAll(/tcp \. \d+/g)].length,
    volumes: on.volumes.list().map((one) => one.name),
  };
}
const nothing = { mounts: [], links: [], cgroups: [], folders: [], ports: 0, volumes: [] };

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`not so within 10 s: ${what.toString()}`);
    await systemClock.sleep(20);
  }
}

/** The links of an ended container go in the kernel's own time. */
async function expectNothing(): Promise<void> {
  await until(async () => ((await onTheMachine())["links"] as string[]).length === 0);
  expect(await onTheMachine()).toEqual(nothing);
}

async function start(spec: Partial<ContainerSpec>): Promise<string> {
  const { container } = await on.containers.create({ image: "busybox", ...spec });
  await on.containers.start(container.id);
  return container.id;
}
const sh = (script: string) => ({ command: ["sh", "-c", script] });

async function textOf(attachment: Attachment): Promise<string> {
  let text = "";
  for await (const { data } of attachment.output) text += Buffer.from(data).toString();
  return text;
}
async function logOf(id: string, follow = false): Promise<string> {
  let text = "";
  const options = { stdout: true, stderr: true, follow };
  for await (const line of on.containers.logs(id, options, new AbortController().signal)) {
    text += Buffer.from(line.data).toString();
  }
  return text;
}
async function exec(id: string, script: string): Promise<{ output: string; exitCode: number }> {
  const { id: execId } = on.containers.createExec(id, {
    ...sh(script),
    attachStdout: true,
    attachStderr: true,
  });
  const attachment = await on.containers.startExec(execId, { detach: false, tty: false });
  const output = await textOf(attachment!);
  return { output, exitCode: await on.containers.waitExec(execId) };
}
async function tarOf(files: Record<string, string>): Promise<AsyncIterable<Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), "virga-tar-"));
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
  const packed = await new Response(
    Bun.spawn(["tar", "-c", "-C", folder, "."], { stdout: "pipe" }).stdout,
  ).bytes();
  await rm(folder, { recursive: true });
  return (async function* () {
    yield packed;
  })();
}
async function listTar(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const tar = Bun.spawn(["tar", "-t"], { stdin: stream, stdout: "pipe" });
  return (await tar.stdout.text()).split("\n").filter(Boolean);
}

describe("a container", () => {
  test("runs, logs, answers exec, stops, starts again and goes without a trace", async () => {
    const id = await start({
      ...sh("echo out; sleep 0.05; echo err >&2; trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done"),
      name: "life",
      mounts: [
        { type: "volume", target: "/data" },
        { type: "volume", name: "kept", target: "/kept" },
      ],
    });
    await until(async () => (await logOf(id)) === "out\nerr\n");
    expect(await exec(id, "cat /data/seed; hostname; cat /etc/hostname; exit 5")).toEqual({
      output: `from the image\n${id.slice(0, 12)}\n${id.slice(0, 12)}\n`,
      exitCode: 5,
    });
    expect((await exec(id, "ip -4 addr show eth0; grep $(hostname) /etc/hosts")).output).toContain(
      on.containers.get(id).endpoints[0]!.ipv4,
    );
    const { titles, processes } = await on.containers.top(id);
    expect(titles).toContain("PID");
    expect(processes.length).toBeGreaterThanOrEqual(1);
    expect((await on.containers.stats(id)).pids).toBeGreaterThanOrEqual(1);

    await on.containers.stop(id, { timeout: 5 });
    expect(on.containers.get(id).state).toMatchObject({ status: "exited", exitCode: 3 });
    expect(await logOf(id)).toBe("out\nerr\nbye\n");
    await on.containers.start(id);
    await until(async () => (await logOf(id)) === "out\nerr\nbye\nout\nerr\n");
    await on.containers.remove(id, { force: true, volumes: true });
    expect(on.volumes.list().map((one) => one.name)).toEqual(["kept"]);
    await on.volumes.remove("kept");
    await expectNothing();
  }, 20_000);

  test("attached before its start misses nothing, with --rm it goes by itself", async () => {
    const { container } = await on.containers.create({
      image: "busybox",
      ...sh("cat; echo done; exit 7"),
      openStdin: true,
      stdinOnce: true,
      autoRemove: true,
    });
    const everything = { stdin: true, stdout: true, stderr: true, logs: false };
    const attachment = await on.containers.attach(container.id, everything);
    const text = textOf(attachment);
    const removed = on.containers.wait(container.id, "removed");
    await on.containers.start(container.id);
    await attachment.write(Buffer.from("typed\n"));
    await attachment.closeStdin();
    expect(await text).toBe("typed\ndone\n");
    expect(await removed).toEqual({ exitCode: 7 });
    await expectNothing();
  }, 20_000);

  test("a command that is not there fails as Docker's does, and leaves nothing running", async () => {
    const { container } = await on.containers.create({ image: "busybox", command: ["/nope"] });
    const starting = on.containers.start(container.id);
    expect(starting).rejects.toMatchObject({ code: "task.command-not-found" });
    await starting.catch(() => {});
    expect(on.containers.get(container.id).state).toMatchObject({ status: "created", exitCode: 127 });
    expect(await onTheMachine()).toEqual({ ...nothing, folders: [container.id] });
    await on.containers.remove(container.id);
    await expectNothing();
  }, 20_000);

  test("ports, pause, kill", async () => {
    const ports = [{ protocol: "tcp", containerPort: 80, hostIp: "127.0.0.1", hostPort: 0 }] as const;
    const id = await start({ ...sh("while :; do echo hello | nc -l -p 80; done"), network: { ports } });
    const [published] = on.containers.get(id).publishedPorts;
    expect(published!.hostPort).toBeGreaterThan(0);
    await on.containers.pause(id);
    expect(on.containers.get(id).state).toMatchObject({ status: "running", paused: true });
    await on.containers.resume(id);
    await on.containers.kill(id, "KILL");
    expect(on.containers.get(id).state).toMatchObject({ status: "exited", exitCode: 137 });
    await on.containers.remove(id);
    await expectNothing();
  }, 20_000);

  test("on a terminal, with its size", async () => {
    const { container } = await on.containers.create({
      image: "busybox",
      command: ["sh"],
      env: ["PS1="],
      tty: true,
      openStdin: true,
    });
    const everything = { stdin: true, stdout: true, stderr: true, logs: false };
    const attachment = await on.containers.attach(container.id, everything);
    const text = textOf(attachment);
    await on.containers.start(container.id);
    await on.containers.resize(container.id, 100, 40);
    await attachment.write(Buffer.from("stty size; exit 4\n"));
    expect(await on.containers.wait(container.id, "not-running")).toEqual({ exitCode: 4 });
    expect(await text).toContain("40 100\r\n");
    await on.containers.remove(container.id);
    await expectNothing();
  }, 20_000);

  test("finds another by its name, also by a new one, on a network of theirs", async () => {
    const network = { mode: "front", endpoints: { front: { aliases: ["alias"] } } };
    await on.networks.create({ name: "front" });
    const first = await start({ command: ["sleep", "60"], name: "first", stopSignal: "KILL", network });
    const second = await start({ command: ["sleep", "60"], stopSignal: "KILL", network: { mode: "front" } });
    const address = on.containers.get(first).endpoints[0]!.ipv4;
    expect((await exec(second, "nslookup first && nslookup alias")).output).toContain(address);
    await on.containers.rename("first", "other");
    await until(async () => (await exec(second, "nslookup other")).output.includes(address));
    expect((await exec(second, "nslookup first")).exitCode).toBe(1);
    await on.containers.disconnect(second, "front");
    await on.containers.connect(second, "bridge", {});
    expect((await exec(second, "ip -4 -o addr; cat /etc/hosts")).output).toContain(
      `${on.containers.get(second).endpoints[0]!.ipv4}\t${second.slice(0, 12)}`,
    );
    for (const id of [first, second]) await on.containers.remove(id, { force: true });
    await on.networks.remove("front");
    await expectNothing();
  }, 20_000);

  test("a health check runs inside it", async () => {
    const id = await start({
      ...sh("sleep 0.3; touch /ready; sleep 60"),
      stopSignal: "KILL",
      healthcheck: { Test: ["CMD-SHELL", "ls /ready"], Interval: 100_000_000, Retries: 100 },
    });
    await until(() => on.containers.get(id).health!.status === "healthy");
    const log = on.containers.get(id).health!.log;
    expect(log.at(-1)).toMatchObject({ exitCode: 0, output: "/ready\n" });
    await on.containers.remove(id, { force: true });
    await expectNothing();
  }, 20_000);
});

describe("files", () => {
  test("in and out of a running and a stopped container, into volumes too", async () => {
    const id = await start({
      ...sh("ln -s ../no/where /dangling; ln -s /vol /link; sleep 60"),
      stopSignal: "KILL",
      mounts: [{ type: "volume", name: "files", target: "/vol" }],
    });
    await until(async () => (await exec(id, "readlink /link")).output === "/vol\n");
    await on.containers.extract(id, "/link", await tarOf({ running: "1" }));
    expect((await exec(id, "cat /vol/running")).output).toBe("1");
    const all = await listTar((await on.containers.archive(id, "/")).tar);
    expect(all).toEqual(expect.arrayContaining(["./proc/", "./dev/", "./vol/running", "./dangling"]));
    expect(all.filter((name) => /^\.\/(proc|sys|dev)\/./.test(name))).toEqual([]);
    expect(await on.containers.statPath(id, "/dangling")).toMatchObject({ linkTarget: "/no/where" });
    await on.containers.stop(id);
    await on.containers.extract(id, "/link", await tarOf({ stopped: "2" }));
    expect(await Bun.file(join(on.volumes.get("files").path, "stopped")).text()).toBe("2");
    const { stat, tar } = await on.containers.archive(id, "/link/.");
    expect((await listTar(tar)).toSorted()).toEqual(["./", "./running", "./stopped"]);
    expect(stat.name).toBe(".");
    expect(await on.containers.statPath(id, "/link")).toMatchObject({ name: "link", linkTarget: "/vol" });
    expect(on.containers.statPath(id, "/nope")).rejects.toThrow("Could not find the file /nope in container");
    const one = await on.containers.archive(id, "/link/stopped");
    expect(await listTar(one.tar)).toEqual(["stopped"]);
    expect(on.containers.extract(id, "/etc/passwd", await tarOf({}))).rejects.toThrow("not a directory");
    for (const path of ["/etc/passwd/", "/etc/passwd/."]) {
      expect(on.containers.statPath(id, path)).rejects.toThrow(`lstat ${path}: not a directory`);
    }
    expect(await on.containers.changes(id)).toContainEqual({ path: "/link", kind: "added" });
    expect(await listTar(await on.containers.export(id))).toContain("bin/busybox");
    await until(async () => ((await onTheMachine())["mounts"] as string[]).length === 0);
    await on.containers.remove(id);
    await on.volumes.remove("files");
    await expectNothing();
  }, 20_000);

  test("a read-only container takes them where it can write", async () => {
    const id = await start({
      command: ["sleep", "60"],
      stopSignal: "KILL",
      security: { readonlyRootfs: true },
      mounts: [
        { type: "tmpfs", target: "/tmp" },
        { type: "volume", name: "fixed", target: "/fixed", readOnly: true },
      ],
    });
    await on.containers.extract(id, "/tmp", await tarOf({ file: "in memory" }));
    expect((await exec(id, "cat /tmp/file")).output).toBe("in memory");
    for (const path of ["/etc", "/fixed"]) {
      const refused = on.containers.extract(id, path, await tarOf({ file: "x" }));
      expect(refused).rejects.toThrow("marked read-only");
      await refused.catch(() => {});
    }
    await on.containers.remove(id, { force: true });
    await on.volumes.remove("fixed");
    await expectNothing();
  }, 20_000);

  test("a commit is an image with the changes", async () => {
    const id = await start(sh("echo new > /etc/new; rm /data/seed"));
    await on.containers.wait(id, "not-running");
    const imageId = await on.containers.commit(id, { reference: "changed", comment: "a change" });
    await on.containers.remove(id);
    const second = await start({ ...sh("cat /etc/new; ls /data"), image: "changed" });
    await on.containers.wait(second, "not-running");
    expect(await logOf(second)).toBe("new\n");
    expect(on.containers.get(second).imageId).toBe(imageId);
    expect((await on.containers.size(second)).total).toBeGreaterThan(1_000_000);
    await on.containers.remove(second);
    await on.images.remove("changed");
    await expectNothing();
  }, 20_000);
});

test("a log is rotated while it is written and followed, and no line is lost", async () => {
  const { container } = await on.containers.create({
    image: "busybox",
    ...sh(
      "i=0; while [ $i -lt 1800 ]; do echo line $i; i=$((i+1)); [ $((i % 300)) = 0 ] && sleep 0.5; done; exit 0",
    ),
    log: { driver: "json-file", maxBytes: 10_000, maxFiles: 20 },
  });
  await on.containers.start(container.id);
  const expected = Array.from({ length: 1800 }, (_, number) => `line ${number}\n`).join("");
  expect(await logOf(container.id, true)).toBe(expected);
  expect(existsSync(`${container.logPath}.1`)).toBe(true);
  expect(await logOf(container.id)).toBe(expected);
  await on.containers.remove(container.id);
  await expectNothing();
}, 30_000);

test("many at once", async () => {
  const made = await Promise.all(
    Array.from({ length: 20 }, () => on.containers.create({ image: "busybox", ...sh("sleep 60") })),
  );
  const ids = made.map(({ container }) => container.id);
  await Promise.all(ids.map((id) => on.containers.start(id)));
  expect(on.containers.list().every((one) => one.state.status === "running")).toBe(true);
  expect(new Set(on.containers.list().map((one) => one.endpoints[0]!.ipv4)).size).toBe(20);
  await Promise.all(ids.map((id) => on.containers.remove(id, { force: true })));
  await expectNothing();
}, 60_000);

describe("a daemon that is killed", () => {
  /** Starts a daemon of its own on the same root, waits for what it says, and kills it the hard way. */
  async function killedDaemon(script: string): Promise<string> {
    const program = `
      import { openMachine } from ${JSON.stringify(join(import.meta.dir, "testing-machine.ts"))};
      const on = await openMachine(${JSON.stringify(root)});
      const start = async (spec) => {
        const { container } = await on.containers.create({ image: "busybox", ...spec });
        await on.containers.start(container.id);
        return container.id;
      };
      ${script}
      console.log("ready");
      await new Promise(() => setInterval(() => {}, 1000));`;
    await using stack = new AsyncDisposableStack();
    const file = join(root, "killed-daemon.ts");
    await Bun.write(file, program);
    const child = Bun.spawn([process.execPath, file], { stdout: "pipe", stderr: "inherit" });
    stack.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
    let text = "";
    for await (const chunk of child.stdout) {
      text += Buffer.from(chunk).toString();
      if (text.includes("ready\n")) break;
    }
    return text;
  }
  test("loses no container: each is found as it is, ended ones with their exit codes", async () => {
    await on[Symbol.asyncDispose]();
    await killedDaemon(`
      const sh = (script) => ({ command: ["sh", "-c", script] });
      const ports = [{ protocol: "tcp", containerPort: 80, hostIp: "127.0.0.1", hostPort: 0 }];
      await start({ name: "runs", ...sh("while :; do echo tick; sleep 0.05; done"), network: { ports } });
      await start({ name: "ends", ...sh("sleep 1; echo last; exit 42") });
      await start({ name: "goes", ...sh("sleep 1; exit 43"), autoRemove: true });
      await start({ name: "again", ...sh("sleep 1; exit 44"), restart: { name: "on-failure", maximumRetryCount: 1 } });
      await on.containers.create({ image: "busybox", name: "waits" });
    `);
    await systemClock.sleep(1500);
    on = await openMachine(root);
    const state = (name: string) => on.containers.get(name).state;
    expect(state("runs").status).toBe("running");
    expect(state("ends")).toMatchObject({ status: "exited", exitCode: 42 });
    expect(await logOf(on.containers.get("ends").id)).toBe("last\n");
    expect(state("waits").status).toBe("created");
    expect(() => on.containers.get("goes")).toThrow("No such container");
    await until(() => on.containers.get("again").restartCount === 1);
    const ticks = (await logOf("runs")).length;
    await until(async () => (await logOf("runs")).length > ticks);
    expect((await exec("runs", "echo still here")).output).toBe("still here\n");
    const next = on.containers.wait("runs", "next-exit");
    await on.containers.kill("runs");
    expect(await next).toEqual({ exitCode: 137 });
    for (const { id } of on.containers.list()) await on.containers.remove(id, { force: true });
    await expectNothing();
  }, 60_000);

  test("in the middle of starting and removing leaves nothing that is not known", async () => {
    for (const delay of [0, 10, 25, 45, 70, 100]) {
      await on[Symbol.asyncDispose]();
      await killedDaemon(`
        setTimeout(() => process.kill(process.pid, "SIGKILL"), ${delay});
        const work = async () => {
          const id = await start({ command: ["sleep", "60"], mounts: [{ type: "tmpfs", target: "/x" }] });
          await on.containers.remove(id, { force: true });
        };
        await Promise.all([work(), work(), work(), work()]);
      `);
      on = await openMachine(root);
      for (const one of on.containers.list()) {
        if (one.state.status === "running") expect((await exec(one.id, "echo ok")).output).toBe("ok\n");
        await on.containers.remove(one.id, { force: true, volumes: true });
      }
      await expectNothing();
    }
  }, 60_000);
});
