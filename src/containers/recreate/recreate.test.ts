import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { fail } from "../../base/index.ts";
import type { ContainerSpec } from "../spec.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

const port = (hostPort: number) => ({ protocol: "tcp" as const, containerPort: 80, hostIp: "", hostPort });

async function run(spec: Partial<ContainerSpec> = {}): Promise<string> {
  const { container } = await on.containers.create({
    image: "busybox",
    name: "web",
    env: ["A=1", "B=2"],
    labels: { x: "1" },
    mounts: [{ type: "volume", target: "/data" }],
    network: { ports: [port(8080)] },
    ...spec,
  });
  await on.containers.start(container.id);
  return container.id;
}
const get = () => on.containers.get("web");
const volumeAt = (target: string) => {
  const mount = get().mounts.find((one) => one.target === target);
  return mount?.type === "volume" ? mount.name : undefined;
};

describe("a plan", () => {
  test("tells each difference and the downtime, and changes nothing", async () => {
    const id = await run();
    const before = get();
    const plan = await on.containers.planChange(id, {
      env: { set: ["A=new", "C=3"], remove: ["B"] },
      labels: { remove: ["x"], set: { y: "2" } },
      ports: { set: [port(9090)] },
      mounts: { add: [{ type: "tmpfs", target: "/scratch" }], remove: ["/data"] },
      command: ["top"],
      resources: { memory: 64 * 1024 * 1024 },
    });
    expect(plan.changes).toEqual([
      { what: "command", before: '["sh"]', after: '["top"]' },
      { what: "environment A", before: "1", after: "new" },
      { what: "environment B", before: "2" },
      { what: "label x", before: "1" },
      { what: "mount /data", before: "volume" },
      { what: "port 80/tcp", before: "0.0.0.0:8080", after: "0.0.0.0:9090" },
      { what: "environment C", after: "3" },
      { what: "label y", after: "2" },
      { what: "mount /scratch", after: "tmpfs" },
      { what: "memory", after: "67108864" },
    ]);
    expect(plan).toMatchObject({ how: "restart", stopSeconds: 10, keepsFiles: true });
    expect(plan.notes.at(-1)).toBe(`volume ${volumeAt("/data")} is not mounted any more; its data stays`);
    expect(get()).toEqual(before);
    expect(on.volumes.volumes.size).toBe(1);
  });

  test("says when nothing has to be done, or nothing has to be ended", async () => {
    const id = await run();
    expect(await on.containers.planChange(id, { env: { set: ["A=1"] } })).toMatchObject({
      how: "nothing",
      changes: [],
    });
    const limits = { resources: { pidsLimit: 10 }, restart: { name: "always" } } as const;
    expect(await on.containers.planChange(id, limits)).toMatchObject({ how: "live" });
    expect(await on.containers.recreate(id, limits)).toMatchObject({ how: "live", downtimeMs: 0 });
    expect(on.runtime.calls.filter((call) => call.startsWith("kill"))).toEqual([]);
    expect(get().spec).toMatchObject(limits);
    await on.containers.stop(id);
    expect(await on.containers.planChange(id, limits)).toMatchObject({ how: "nothing" });
  });

  test.each([
    [{ env: { remove: ["NOPE"] } }, "there is no variable NOPE"],
    [{ env: { set: ["NOPE"] } }, "'NOPE' is no variable"],
    [{ labels: { remove: ["nope"] } }, "there is no label nope"],
    [{ ports: { remove: ["81/tcp"] } }, "port 81/tcp is not published"],
    [{ ports: { remove: ["1:80"] } }, "port 1:80 is not published"],
    [{ mounts: { remove: ["/nope"] } }, "nothing is mounted at /nope"],
    [{ image: "nope" }, "No such image: nope"],
    [{ resources: { memory: 1 } }, "memory"],
  ])("refuses %j", async (change, message) => {
    const id = await run();
    expect(on.containers.planChange(id, change)).rejects.toThrow(message);
    expect(on.containers.recreate(id, change)).rejects.toThrow(message);
    await on.settle();
    expect(get().state.status).toBe("running");
  });

  test("refuses a port that another container has, before anything is ended", async () => {
    await run({ name: "other", network: { ports: [port(9090)] } });
    const id = await run();
    const calls = on.runtime.calls.length;
    expect(on.containers.recreate(id, { ports: { set: [port(9090)] } })).rejects.toThrow(
      "port 9090/tcp is published by container other",
    );
    await on.settle();
    expect(on.runtime.calls).toHaveLength(calls);
  });
});

describe("recreate", () => {
  test("is the same container with the change in it", async () => {
    on.images.process = { ...on.images.process, Env: ["PATH=/bin", "IMAGE=1"] };
    const id = await run();
    const [volume, endpoint] = [volumeAt("/data"), get().endpoints[0]];
    const done = await on.containers.recreate(id, {
      env: { set: ["A=new"], remove: ["IMAGE"] },
      ports: { add: [port(9090)], remove: ["8080:80"] },
      mounts: { add: [{ type: "volume", target: "/more" }] },
    });
    expect(done).toMatchObject({ how: "restart", keepsFiles: true });
    expect(get()).toMatchObject({ id, name: "web", state: { status: "running" } });
    expect(get().process.Env).toEqual(["B=2", "A=new", "IMAGE", "PATH=/bin"]);
    expect(get().publishedPorts).toEqual([port(9090)]);
    expect(volumeAt("/data")).toBe(volume);
    expect(volumeAt("/more")).toBeString();
    expect(get().endpoints[0]).toEqual(endpoint);
    expect(on.events.slice(-4)).toEqual(["kill", "die", "start", "update"]);
    await on.crash();
    expect(get().process.Env).toEqual(["B=2", "A=new", "IMAGE", "PATH=/bin"]);
    await on.containers.remove(id, { force: true, volumes: true });
    expect(on.volumes.volumes.size).toBe(0);
  });

  test("of one that does not run is there when it starts", async () => {
    const id = await run();
    await on.containers.stop(id);
    expect(await on.containers.recreate(id, { command: ["top"] })).toMatchObject({
      how: "stored",
      downtimeMs: 0,
    });
    expect(get().state.status).toBe("created");
    await on.containers.start(id);
    expect(get().process.Cmd).toEqual(["top"]);
  });

  test("works without the image's name, from what the container runs now", async () => {
    on.images.process = { Cmd: ["sh"], Env: ["PATH=/bin"], Labels: { of: "image" } };
    const id = await run();
    on.images.resolve = (name) => {
      throw fail("not-found", "image.not-found", `No such image: ${name}`);
    };
    await on.containers.recreate(id, { env: { set: ["A=new"] }, labels: { remove: ["x"] } });
    expect(get().process).toMatchObject({
      Cmd: ["sh"],
      Env: ["B=2", "A=new", "PATH=/bin"],
      Labels: { of: "image" },
    });
    expect(get().process.Labels).not.toHaveProperty("x");
  });

  test("one of --rm is not removed by it", async () => {
    const id = await run({ autoRemove: true });
    await on.containers.recreate(id, { command: ["top"] });
    expect(get()).toMatchObject({ id, state: { status: "running" } });
  });

  test("only one at a time, and a container that is removed meanwhile leaves nothing", async () => {
    const id = await run();
    on.runtime.onSignal = (one, signal) => void (signal === 9 && on.runtime.exit(one, 137));
    const first = on.containers.recreate(id, { mounts: { add: [{ type: "volume", target: "/more" }] } });
    await on.until(() => on.runtime.calls.some((call) => call.endsWith(" 15")));
    expect(on.containers.recreate(id, { command: ["top"] })).rejects.toThrow("is being changed");
    await on.containers.remove(id, { force: true, volumes: true });
    // Whoever came first: the removal had the last word.
    await first.catch(() => {});
    expect(on.containers.list()).toEqual([]);
    expect(on.volumes.volumes.size).toBe(0);
  });
});

describe("a recreation that fails", () => {
  test("leaves the container as it was, running", async () => {
    const id = await run();
    const before = get();
    on.networks.failures.set("publish", fail("conflict", "port.in-use", "port is already allocated"));
    const failed = on.containers.recreate(id, {
      ports: { set: [port(9090)] },
      mounts: { add: [{ type: "volume", target: "/more" }] },
    });
    expect(failed).rejects.toThrow("web could not be changed: port is already allocated; it is as it was");
    await failed.catch(() => {});
    const { state, ...rest } = get();
    const { state: _state, ...was } = before;
    expect(state.status).toBe("running");
    expect(rest).toEqual(was);
    expect(on.volumes.volumes.size).toBe(1);
    await on.crash();
    expect(get().publishedPorts).toEqual([port(8080)]);
  });

  test("with another image has its own files back", async () => {
    const id = await run();
    const overlay = `${get().folder}/overlay`;
    await mkdir(`${overlay}/upper/mine`, { recursive: true });
    const resolve = on.images.resolve.bind(on.images);
    const other = (name: string) => ({
      ...resolve("busybox"),
      ...(name === "other" ? { id: `sha256:${"9".repeat(64)}` as const } : {}),
    });
    on.images.resolve = (name) => {
      const image = other(name);
      const diff_ids = [`sha256:${(name === "other" ? "8" : "2").repeat(64)}` as const];
      return { ...image, config: { ...image.config, rootfs: { type: "layers", diff_ids } } };
    };
    expect(await on.containers.planChange(id, { image: "other" })).toMatchObject({ keepsFiles: false });
    on.runtime.failures.set("create", fail("invalid", "task.command-not-found", "sh: not found"));
    const failed = on.containers.recreate(id, { image: "other" });
    expect(failed).rejects.toThrow("sh: not found; it is as it was");
    await failed.catch(() => {});
    expect(existsSync(`${overlay}/upper/mine`)).toBe(true);
    expect((await readdir(get().folder)).filter((name) => name.startsWith("overlay"))).toEqual(["overlay"]);
    await on.containers.recreate(id, { image: "other" });
    expect(existsSync(`${overlay}/upper/mine`)).toBe(false);
    expect((await readdir(get().folder)).filter((name) => name.startsWith("overlay"))).toEqual(["overlay"]);
    expect(get().spec.image).toBe("other");
  });
});

describe("a daemon that dies in a recreation", () => {
  async function dieInCreate(spec: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await run(spec);
    const create = on.runtime.create.bind(on.runtime);
    const reached = Promise.withResolvers<void>();
    on.runtime.create = async () => {
      reached.resolve();
      return await new Promise<never>(() => {});
    };
    const mounts = { add: [{ type: "volume", target: "/more" }] } as const;
    void on.containers.recreate(id, { command: ["top"], mounts });
    await reached.promise;
    on.runtime.create = create;
    await on.crash();
    return id;
  }

  test("brings back what was, and starts it", async () => {
    const id = await dieInCreate();
    await on.until(() => get().state.status === "running");
    expect(get()).toMatchObject({ id, process: { Cmd: ["sh"] } });
    expect(volumeAt("/more")).toBeUndefined();
    expect(on.volumes.volumes.size).toBe(1);
    await on.containers.recreate(id, { command: ["top"] });
    expect(get().process.Cmd).toEqual(["top"]);
  });

  test("keeps one of --rm, too", async () => {
    await dieInCreate({ autoRemove: true });
    await on.until(() => get().state.status === "running");
    expect(get().process.Cmd).toEqual(["sh"]);
  });
});
