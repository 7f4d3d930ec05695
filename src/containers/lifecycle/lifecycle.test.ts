import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "../../base/index.ts";
import type { ContainerSpec } from "../spec.ts";
import { testContainers, type TestContainers } from "../testing.ts";

let on: TestContainers;
beforeEach(async () => void (on = await testContainers()));
afterEach(() => on[Symbol.asyncDispose]());

async function make(spec: Partial<ContainerSpec> = {}): Promise<string> {
  const { container } = await on.containers.create({ image: "busybox", name: "web", ...spec });
  return container.id;
}

async function run(spec: Partial<ContainerSpec> = {}): Promise<string> {
  const id = await make(spec);
  await on.containers.start(id);
  return id;
}

const state = (id: string) => on.containers.get(id).state;

/** All that a container holds outside of memory. */
async function leftovers(): Promise<Record<string, number>> {
  return {
    containers: on.containers.list().length,
    folders: (await readdir(join(on.root, "containers")).catch(() => [])).length,
    endpoints: on.networks.endpoints.size,
    attached: on.networks.attached.size,
    published: on.networks.published.size,
    mounted: on.layers.mounted.size,
    tasks: on.runtime.tasks.size,
    volumes: on.volumes.volumes.size,
  };
}
const nothing = {
  containers: 0, folders: 0, endpoints: 0, attached: 0, published: 0, mounted: 0, tasks: 0, volumes: 0,
}; // prettier-ignore

describe("create", () => {
  test("a container has its name, address and folder, and nothing runs", async () => {
    const id = await make();
    const container = on.containers.get("web");
    expect(container).toMatchObject({ id, name: "web", state: { status: "created" } });
    expect(container.endpoints).toHaveLength(1);
    expect(container.endpoints[0]!.names).toEqual(["web", id.slice(0, 12)]);
    expect(on.runtime.calls).toEqual([]);
    expect(on.events).toEqual(["create"]);
  });

  test("is found by name, slash and name, id and prefix", async () => {
    const id = await make();
    for (const name of ["web", "/web", id, id.slice(0, 12)]) expect(on.containers.get(name).id).toBe(id);
    expect(() => on.containers.get("nope")).toThrow("No such container: nope");
    expect(() => on.containers.get("")).toThrow("No such container");
  });

  test("the same name at once goes to one only, and the other leaves nothing", async () => {
    const results = await Promise.allSettled([make(), make()]);
    expect(results.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const { reason } = results.find((one) => one.status === "rejected")!;
    expect(String(reason)).toContain('The container name "/web" is already in use by container');
    expect(await leftovers()).toMatchObject({ containers: 1, folders: 1, endpoints: 1 });
  });

  test("an image that is not there lets Docker's words through", async () => {
    expect(make({ image: "nope:1" })).rejects.toThrow("No such image: nope:1");
  });

  test("a failure half-way leaves nothing", async () => {
    on.networks.failures.set("reserve", fail("exhausted", "network.full", "no address left"));
    expect(make({ mounts: [{ type: "volume", target: "/data" }] })).rejects.toThrow("no address left");
    await on.settle();
    expect(await leftovers()).toEqual(nothing);
    await make(); // the name is free again
  });

  test("what cannot work is refused at once", async () => {
    expect(make({ autoRemove: true, restart: { name: "always" } })).rejects.toThrow("AutoRemove");
    expect(make({ network: { mode: "container:nope" } })).rejects.toThrow("No such container: nope");
    expect(make({ stopSignal: "NOPE" })).rejects.toThrow("invalid signal: NOPE");
    on.images.process = {};
    expect(make()).rejects.toThrow("no command specified");
  });

  test("30 at once, started and removed at once, leave nothing", async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => make({ name: "" })));
    await Promise.all(ids.map((id) => on.containers.start(id)));
    expect(on.containers.list().filter((one) => one.state.status === "running")).toHaveLength(30);
    await Promise.all(ids.map((id) => on.containers.remove(id, { force: true })));
    expect(await leftovers()).toEqual(nothing);
  });
});

describe("start", () => {
  test("the network is there before the process runs", async () => {
    const ports = [{ protocol: "tcp", containerPort: 80, hostIp: "", hostPort: 0 }] as const;
    const id = await run({ network: { ports } });
    expect(on.runtime.calls.map((call) => call.split(" ")[0])).toEqual(["create", "start"]);
    expect(on.networks.calls).toContain("attach");
    expect(on.containers.get(id).publishedPorts).toEqual([{ ...ports[0], hostPort: 40_000 }]);
    expect(on.events).toEqual(["create", "start"]);
    expect(on.containers.sandboxes.running()).toHaveLength(1);
  });

  test("again, it still tells when it ended the last time, to the next daemon, too", async () => {
    const id = await make();
    await on.containers.start(id);
    expect(on.containers.get(id).state).not.toHaveProperty("finishedAt");
    on.runtime.exit(id, 0);
    await on.settle();
    const ended = on.containers.get(id).state;
    const finishedAt = ended.status === "exited" && ended.finishedAt;
    await on.clock.advance(1000);
    await on.containers.start(id);
    expect(on.containers.get(id).state).toMatchObject({ status: "running", finishedAt });
    await on.crash();
    expect(on.containers.get(id).state).toMatchObject({ status: "running", finishedAt });
  });

  test("twice is not modified", async () => {
    const id = await run();
    expect(on.containers.start(id)).rejects.toMatchObject({ kind: "not-modified" });
  });

  test("/etc/hosts has the container's address and the extra hosts", async () => {
    const id = await run({ hostname: "box", extraHosts: ["db:10.9.8.7", "host.internal:host-gateway"] });
    const hosts = await readFile(join(on.containers.get(id).folder, "hosts"), "utf8");
    expect(hosts).toContain("10.0.0.2\tbox\n");
    expect(hosts).toContain("10.9.8.7\tdb\n");
    expect(hosts).toContain("10.0.0.1\thost.internal\n");
  });

  test.each([
    ["task.command-not-found", 127],
    ["task.command-not-executable", 126],
    ["task.create-failed", 128],
  ])("%s gives exit code %d, and everything is undone", async (code, exitCode) => {
    const id = await make({
      network: { ports: [{ protocol: "tcp", containerPort: 1, hostIp: "", hostPort: 1 }] },
    });
    on.runtime.failures.set("create", fail("invalid", code, "it cannot be run"));
    expect(on.containers.start(id)).rejects.toThrow("it cannot be run");
    await on.settle();
    expect(state(id)).toEqual({ status: "created", error: "it cannot be run", exitCode });
    expect(await leftovers()).toMatchObject({ attached: 0, published: 0, mounted: 0, tasks: 0 });
    await on.containers.start(id);
    expect(state(id).status).toBe("running");
  });

  test("a process that cannot be let go is undone as well", async () => {
    const id = await make();
    on.runtime.failures.set("start", fail("internal", "task.start-failed", "boom"));
    expect(on.containers.start(id)).rejects.toThrow("boom");
    await on.settle();
    expect(await leftovers()).toMatchObject({ attached: 0, mounted: 0, tasks: 0 });
    await on.crash();
    expect(state(id).status).toBe("created");
  });

  test("a failing start of an autoRemove container removes it", async () => {
    const id = await make({ autoRemove: true, mounts: [{ type: "volume", target: "/data" }] });
    const removed = on.containers.wait(id, "removed");
    on.runtime.failures.set("create", fail("invalid", "task.command-not-found", "no"));
    expect(on.containers.start(id)).rejects.toThrow("no");
    expect(await removed).toEqual({ exitCode: 127 });
    expect(await leftovers()).toEqual(nothing);
  });

  test("a shared network namespace needs its owner to run", async () => {
    const owner = await make({ name: "owner" });
    const id = await make({ name: "guest", network: { mode: "container:owner" } });
    expect(on.containers.start(id)).rejects.toThrow(
      "cannot join network namespace of a non running container: container owner is created",
    );
    await on.settle();
    await on.containers.start(owner);
    await on.containers.start(id);
    expect(on.containers.get(id).endpoints).toEqual([]);
  });

  test("an empty volume gets the image's content at the first start only", async () => {
    on.layers.folders = ["etc", "data"];
    const id = await run({ mounts: [{ type: "volume", name: "v1", target: "/data" }] });
    expect(on.volumes.seeded).toHaveLength(1);
    on.runtime.exit(id, 0);
    await on.containers.wait(id, "not-running");
    await on.containers.start(id);
    expect(on.volumes.seeded).toHaveLength(1);
  });
});

describe("exit", () => {
  test("everything that a running container holds is given back, and the code is kept", async () => {
    const id = await run({
      network: { ports: [{ protocol: "tcp", containerPort: 1, hostIp: "", hostPort: 1 }] },
    });
    const waited = on.containers.wait(id, "next-exit");
    on.clock.now();
    await on.clock.advance(3500);
    on.runtime.exit(id, 3, true);
    expect(await waited).toEqual({ exitCode: 3 });
    await on.until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 3, oomKilled: true });
    expect(await leftovers()).toMatchObject({
      attached: 0,
      published: 0,
      mounted: 0,
      tasks: 0,
      endpoints: 1,
    });
    expect(on.events).toEqual(["create", "start", "oom", "die"]);
    expect(on.seen.at(-1)!.attributes).toMatchObject({
      exitCode: "3",
      execDuration: "3",
      image: "busybox",
      name: "web",
    });
    expect(await on.containers.wait(id, "not-running")).toEqual({ exitCode: 3 });
  });

  test("autoRemove takes it away with its anonymous volumes, and leaves the named ones", async () => {
    const id = await run({
      autoRemove: true,
      mounts: [
        { type: "volume", target: "/a" },
        { type: "volume", name: "kept", target: "/b" },
      ],
    });
    const removed = on.containers.wait(id, "removed");
    on.runtime.exit(id, 5);
    expect(await removed).toEqual({ exitCode: 5 });
    // Who asks only now, by the id that it got, is still told.
    expect(await on.containers.wait(id, "not-running")).toEqual({ exitCode: 5 });
    expect([...on.volumes.volumes.keys()]).toEqual(["kept"]);
    expect(on.containers.list()).toEqual([]);
    expect(on.events.slice(-2)).toEqual(["die", "destroy"]);
  });

  test("a failing clean-up does not lose the exit, and the next start tries again", async () => {
    const id = await run();
    on.runtime.failures.set("delete", new Error("busy"));
    on.networks.failures.set("detach", new Error("busy"));
    on.runtime.exit(id, 1);
    await on.until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 1 });
    await on.containers.start(id);
    expect(state(id).status).toBe("running");
  });
});

describe("restart policy", () => {
  test("comes back after the pause, which doubles", async () => {
    const id = await run({ restart: { name: "always" } });
    for (const [count, ms] of [100, 200, 400].entries()) {
      on.runtime.exit(id, 1);
      await on.until(() => state(id).status === "restarting");
      expect(state(id)).toMatchObject({ status: "restarting", exitCode: 1 });
      await on.clock.advance(ms - 1);
      await on.settle();
      expect(state(id).status).toBe("restarting");
      await on.clock.advance(1);
      await on.until(() => state(id).status === "running");
      expect(on.containers.get(id).restartCount).toBe(count + 1);
    }
  });

  test("stops for good when a person stops it, also in the pause", async () => {
    const id = await run({ restart: { name: "always" } });
    on.runtime.exit(id, 1);
    await on.settle();
    await on.containers.stop(id);
    expect(state(id).status).toBe("exited");
    await on.clock.advance(100_000);
    await on.settle();
    expect(state(id).status).toBe("exited");
    await on.containers.start(id);
    await on.containers.stop(id);
    await on.clock.advance(100_000);
    await on.settle();
    expect(state(id).status).toBe("exited");
  });

  test("kill with another signal than the stop signal is no wish to stop", async () => {
    const id = await run({ restart: { name: "always" } });
    await on.containers.kill(id, "HUP");
    await on.until(() => state(id).status === "restarting");
    await on.clock.advance(100);
    await on.settle();
    await on.containers.kill(id);
    await on.until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 137 });
  });

  test("a start that fails is tried again, on-failure only so often", async () => {
    const id = await run({ restart: { name: "on-failure", maximumRetryCount: 2 } });
    on.runtime.exit(id, 1);
    await on.settle();
    on.runtime.failures.set("create", fail("internal", "task.create-failed", "not now"));
    await on.clock.advance(100);
    await on.until(() => !on.runtime.failures.has("create"));
    await on.until(() => state(id).status === "restarting");
    await on.clock.advance(200);
    await on.until(() => state(id).status === "running");
    on.runtime.exit(id, 1);
    await on.until(() => state(id).status === "exited");
  });
});

describe("stop, kill, pause", () => {
  test("SIGTERM, then SIGKILL after the timeout", async () => {
    const id = await run({ stopTimeout: 7 });
    on.runtime.onSignal = (one, signal) => signal === 9 && on.runtime.exit(one, 137);
    const stopped = on.containers.stop(id);
    await on.clock.advance(6999);
    expect(
      on.runtime.calls.filter((call) => call.startsWith("kill")).map((call) => call.split(" ")[2]),
    ).toEqual(["15"]);
    await on.clock.advance(1);
    await stopped;
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 137 });
    expect(on.events.slice(2)).toEqual(["kill", "kill", "die", "stop"]);
  });

  test("the image's stop signal and a call's own timeout and signal", async () => {
    on.images.process = { Cmd: ["sh"], StopSignal: "SIGQUIT" };
    const id = await run();
    await on.containers.stop(id);
    expect(on.runtime.calls).toContain(`kill ${id.slice(0, 4)} 3`);
    await on.containers.start(id);
    await on.containers.stop(id, { signal: "SIGINT", timeout: 0 });
    expect(on.runtime.calls).toContain(`kill ${id.slice(0, 4)} 2`);
    expect(on.containers.stop(id)).rejects.toMatchObject({ kind: "not-modified" });
  });

  test("a process that outlives SIGKILL is told of", async () => {
    const id = await run();
    on.runtime.onSignal = () => {};
    const stopped = on.containers.stop(id, { timeout: 1 });
    stopped.catch(() => {});
    await on.clock.advance(11_000);
    expect(stopped).rejects.toThrow("did not end 10 s after SIGKILL");
  });

  test("killing what does not run is a conflict", async () => {
    const id = await make();
    expect(on.containers.kill(id)).rejects.toThrow(`container ${id} is not running`);
    expect(on.containers.kill(id, "NOPE")).rejects.toThrow("invalid signal");
  });

  test("paused: no second pause, no start, stop lets it go", async () => {
    const id = await run();
    await on.containers.pause(id);
    expect(state(id)).toMatchObject({ status: "running", paused: true });
    expect(on.containers.pause(id)).rejects.toThrow("already paused");
    expect(on.containers.start(id)).rejects.toThrow("try unpause instead");
    on.runtime.onSignal = () => {};
    const stopped = on.containers.stop(id);
    await on.settle();
    expect(on.runtime.calls).toContain(`resume ${id.slice(0, 4)}`);
    on.runtime.exit(id, 0);
    await stopped;
    expect(on.containers.resume(id)).rejects.toThrow("is not paused");
  });

  test("restart keeps an autoRemove container and starts what is stopped", async () => {
    const id = await run({ autoRemove: true });
    await on.containers.restart(id);
    expect(state(id).status).toBe("running");
    const other = await make({ name: "other" });
    await on.containers.restart(other);
    expect(state(other).status).toBe("running");
    expect(on.events.filter((event) => event === "restart")).toHaveLength(2);
  });
});

describe("remove", () => {
  test("a running one only with force, and then nothing is left", async () => {
    const id = await run({ mounts: [{ type: "volume", target: "/a" }] });
    expect(on.containers.remove(id)).rejects.toThrow("stop the container before removing or force remove");
    await on.containers.remove(id, { force: true, volumes: true });
    expect(await leftovers()).toEqual(nothing);
    expect(on.events.slice(-2)).toEqual(["die", "destroy"]);
  });

  test("without volumes the anonymous ones stay", async () => {
    const id = await make({ mounts: [{ type: "volume", target: "/a" }] });
    await on.containers.remove(id);
    expect(await leftovers()).toEqual({ ...nothing, volumes: 1 });
  });

  test("force on an autoRemove container races with nothing", async () => {
    const id = await run({ autoRemove: true });
    await Promise.all([on.containers.remove(id, { force: true }), on.containers.remove(id, { force: true })]);
    expect(await leftovers()).toEqual(nothing);
  });

  test("a failure leaves it dead, to be tried again, also by the next daemon", async () => {
    const id = await make();
    on.networks.failures.set("release", fail("internal", "x", "no way"));
    expect(on.containers.remove(id)).rejects.toThrow("no way");
    await on.settle();
    expect(state(id)).toEqual({ status: "dead", error: "no way" });
    expect(on.containers.start(id)).rejects.toThrow("marked for removal");
    await on.crash();
    await on.containers.remove(id);
    expect(await leftovers()).toEqual(nothing);
  });

  test("whatever comes meanwhile finds it gone, and leaves nothing", async () => {
    for (const first of [true, false]) {
      const id = await run();
      const remove = () => on.containers.remove(id, { force: true });
      const removal = first ? [remove()] : [];
      const others = [
        on.containers.start(id),
        on.containers.restart(id, { timeout: 0 }),
        on.containers.stop(id, { timeout: 0 }),
        on.containers.kill(id),
        on.containers.rename(id, "other"),
        on.containers.connect(id, "front", {}),
        on.containers.attach(id, { stdin: false, stdout: true, stderr: true, logs: false }),
        on.containers.statPath(id, "/"),
      ];
      await Promise.allSettled([...others, ...(first ? removal : [remove()])]);
      expect(await leftovers()).toEqual(nothing);
    }
  });

  test("who waits for a removed one is answered", async () => {
    const id = await make();
    const waits = [on.containers.wait(id, "next-exit"), on.containers.wait(id, "removed")];
    await on.containers.remove(id);
    expect(await Promise.all(waits)).toEqual([{ exitCode: 0 }, { exitCode: 0 }]);
  });

  test("a wait that is given up rejects", async () => {
    const id = await run();
    const stop = new AbortController();
    const waited = on.containers.wait(id, "next-exit", stop.signal);
    stop.abort(new Error("gone"));
    expect(waited).rejects.toThrow("gone");
  });

  test("prune takes what is stopped and not kept", async () => {
    await run({ name: "runs" });
    const old = await make({ name: "old" });
    await make({ name: "kept" });
    const { removed } = await on.containers.prune({ keep: (one) => one.name === "kept" });
    expect(removed).toEqual([old]);
    expect(
      on.containers
        .list()
        .map((one) => one.name)
        .toSorted(),
    ).toEqual(["kept", "runs"]);
  });
});

describe("rename, networks, use", () => {
  test("the new name is the container's everywhere, and the old one is free", async () => {
    const id = await run({ network: { mode: "front", endpoints: { front: { aliases: ["api"] } } } });
    await on.containers.rename(id, "shop");
    expect(on.containers.get("shop").endpoints[0]!.names).toEqual(["shop", id.slice(0, 12), "api"]);
    await make({ name: "web" });
    expect(on.containers.rename(id, "web")).rejects.toThrow("already in use");
    await on.settle();
    await on.crash();
    expect(on.containers.get("shop").id).toBe(id);
  });

  test("a rename that the networks refuse changes nothing", async () => {
    const id = await make();
    on.networks.failures.set("rename", fail("internal", "x", "no"));
    expect(on.containers.rename(id, "shop")).rejects.toThrow("no");
    await on.settle();
    expect(on.containers.get("web").endpoints[0]!.names[0]).toBe("web");
    expect(() => on.containers.get("shop")).toThrow("No such container");
  });

  test("connect and disconnect, running and stopped", async () => {
    const id = await run();
    await on.containers.connect(id, "front", { aliases: ["api"] });
    expect(on.networks.attached.size).toBe(2);
    expect(on.containers.connect(id, "front", {})).rejects.toThrow("already exists in network front");
    on.runtime.exit(id, 0);
    await on.settle();
    await on.containers.disconnect(id, "bridge");
    expect(on.containers.get(id).endpoints.map((one) => one.networkId)).toEqual(["net-front"]);
    expect(on.containers.disconnect(id, "bridge")).rejects.toThrow("is not connected to the network bridge");
    const host = await make({ name: "host", network: { mode: "host" } });
    expect(on.containers.connect(host, "front", {})).rejects.toThrow("host network");
  });

  test("images and volumes know who uses them", async () => {
    const id = await run({ mounts: [{ type: "volume", name: "v1", target: "/a" }] });
    expect(on.containers.imageUse.containersOf(on.images.id)).toEqual([{ id, running: true }]);
    expect(on.containers.volumeUse.containersOf("v1")).toEqual([id]);
    expect([...on.containers.layerUse.layersInUse()]).toHaveLength(1);
  });
});

describe("a full disk", () => {
  test("does not lose the end of a container, and the next daemon knows it", async () => {
    const id = await run({
      network: { ports: [{ protocol: "tcp", containerPort: 1, hostIp: "", hostPort: 1 }] },
    });
    const waited = on.containers.wait(id, "next-exit");
    on.diskFull(true);
    on.runtime.exit(id, 6);
    expect(await waited).toEqual({ exitCode: 6 });
    await on.until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 6 });
    expect(await leftovers()).toMatchObject({ attached: 0, published: 0, mounted: 0 });
    on.diskFull(false);
    await on.crash();
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 6 });
    expect(on.runtime.tasks.size).toBe(0);
  });

  test("lets nothing be started or made, and leaves nothing of it", async () => {
    const id = await make();
    on.diskFull(true);
    const starting = on.containers.start(id);
    expect(starting).rejects.toThrow();
    await starting.catch(() => {});
    const making = make({ name: "other" });
    expect(making).rejects.toThrow();
    await making.catch(() => {});
    expect(await leftovers()).toEqual({ ...nothing, containers: 1, folders: 1, endpoints: 1 });
    expect(state(id)).toMatchObject({ status: "created", exitCode: 128 });
    on.diskFull(false);
    await on.containers.start(id);
    await make({ name: "other" });
  });
});

describe("a daemon that dies", () => {
  test("finds what runs, with its network, and hears of its end", async () => {
    const id = await run({
      network: { ports: [{ protocol: "tcp", containerPort: 1, hostIp: "", hostPort: 1 }] },
    });
    await on.crash();
    expect(state(id).status).toBe("running");
    expect(on.networks.reconciled).toMatchObject([
      { sandbox: { containerId: id }, ports: [{ hostPort: 1 }] },
    ]);
    on.runtime.exit(id, 4);
    await on.until(() => state(id).status === "exited");
    expect(state(id)).toMatchObject({ status: "exited", exitCode: 4 });
    expect(on.layers.mounted.size).toBe(0);
  });

  test("learns how those ended that ended meanwhile, and removes or restarts them", async () => {
    const plain = await run({ name: "plain" });
    const removed = await run({ name: "removed", autoRemove: true });
    const always = await run({ name: "always", restart: { name: "always" } });
    await on.containers.close();
    for (const id of [plain, removed, always]) on.runtime.exit(id, 9);
    await on.crash();
    await on.clock.advance(100);
    await on.until(() => state(plain).status === "exited");
    expect(state(plain)).toMatchObject({ status: "exited", exitCode: 9 });
    expect(() => on.containers.get(removed)).toThrow("No such container");
    await on.until(() => state(always).status === "running");
    expect(on.events.filter((event) => event === "die")).toHaveLength(3);
  });

  test("after a reboot nothing runs: policies decide", async () => {
    const plain = await run({ name: "plain" });
    const always = await run({ name: "always", restart: { name: "always" } });
    const stopped = await run({ name: "stopped", restart: { name: "unless-stopped" } });
    await on.containers.stop(stopped);
    await on.containers.close();
    on.runtime.tasks.clear();
    on.layers.mounted.clear();
    await on.crash();
    await on.clock.advance(100);
    await on.until(() => state(plain).status === "exited");
    expect(state(plain)).toMatchObject({ status: "exited", exitCode: 255 });
    await on.until(() => state(always).status === "running");
    expect(state(stopped).status).toBe("exited");
  });

  test("lets go a process that was created but not started", async () => {
    const id = await run();
    on.runtime.tasks.get(id)!.state = { status: "created", pid: 4_000_001 };
    await on.crash();
    expect(on.runtime.tasks.get(id)!.state.status).toBe("running");
    expect(state(id).status).toBe("running");
  });

  test("a task that cannot be deleted then is deleted with its container", async () => {
    const id = await make();
    on.runtime.tasks.set(id, { spec: {} as never, state: { status: "created", pid: 1 }, streams: [] });
    on.runtime.failures.set("delete", fail("conflict", "cgroup.busy", "busy"));
    await on.crash();
    expect(on.runtime.tasks.size).toBe(1);
    await on.containers.remove(id);
    expect(await leftovers()).toEqual(nothing);
  });

  test("a restart that was due comes", async () => {
    const id = await run({ restart: { name: "always" } });
    on.runtime.exit(id, 1);
    await on.settle();
    await on.crash();
    await on.until(() => state(id).status === "running");
  });

  test("removes autoRemove containers that do not run: nobody is left to start them", async () => {
    await make({ autoRemove: true, mounts: [{ type: "volume", target: "/data" }] });
    await on.crash();
    expect(await leftovers()).toEqual(nothing);
  });

  test("finishes a removal that was under way, with the volumes that were to go", async () => {
    await make({ name: "without", mounts: [{ type: "volume", target: "/data" }] });
    await make({ name: "with", mounts: [{ type: "volume", target: "/data" }] });
    for (const [name, volumes] of [
      ["without", false],
      ["with", true],
    ] as const) {
      on.networks.stuck = "release";
      on.containers.remove(name, { volumes }).catch(() => {});
    }
    await on.settle();
    expect(on.containers.list().map((one) => one.state.status)).toEqual(["removing", "removing"]);
    on.networks.stuck = undefined;
    await on.crash();
    expect(await leftovers()).toEqual({ ...nothing, volumes: 1 });
  });

  test("takes away the anonymous volumes of a container that was never finished", async () => {
    on.networks.stuck = "reserve";
    const mounts = [
      { type: "volume", target: "/data" },
      { type: "volume", name: "kept", target: "/kept" },
    ] as const;
    make({ mounts }).catch(() => {});
    await on.settle();
    expect(on.volumes.volumes.size).toBe(2);
    on.networks.stuck = undefined;
    await on.crash();
    expect([...on.volumes.volumes.keys()]).toEqual(["kept"]);
    expect(await leftovers()).toEqual({ ...nothing, volumes: 1 });
  });

  test("takes away what was half made, and finishes what was half removed", async () => {
    const id = await make();
    await on.networks.reserve({ networkId: "net-bridge", containerId: "f".repeat(64), names: [] });
    await Bun.write(join(on.root, "containers", "f".repeat(64), "hosts"), "x");
    on.runtime.tasks.set(id, {
      spec: {} as never,
      state: { status: "created", pid: 1 },
      streams: [],
    });
    await on.crash();
    expect(on.networks.endpoints.size).toBe(1);
    expect(on.runtime.tasks.size).toBe(0);
    expect(existsSync(join(on.root, "containers", "f".repeat(64)))).toBe(false);
  });
});

test("an annotation without a key is refused", async () => {
  expect(make({ annotations: { "": "x" } })).rejects.toThrow(
    "invalid Annotations: the empty string is not permitted as an annotation key",
  );
});
