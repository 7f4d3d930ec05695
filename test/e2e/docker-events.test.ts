import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../../src/host/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** What happens, in the order and with the attributes in which dockerd 28 tells it (moby's daemon, tag v28.5). */
const minute = 60_000;
let daemon: TestDaemon;
let image = "";

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, 2 * minute);

afterAll(async () => {
  await daemon.destroy();
}, minute);

interface Told {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

const ok = (...args: string[]) => daemon.dockerOk(args);

/** All that was told while `work` ran. */
async function during(work: () => Promise<unknown>, ...filters: string[]): Promise<Told[]> {
  const since = (Date.now() / 1000).toFixed(3);
  // A time of its own for the start: events carry milliseconds.
  await Bun.sleep(2);
  await work();
  const until = (Date.now() / 1000 + 0.002).toFixed(3);
  await Bun.sleep(3);
  const chosen = filters.flatMap((filter) => ["--filter", filter]);
  const text = await ok("events", "--since", since, "--until", until, "--format", "{{json .}}", ...chosen);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told);
}

const names = (events: readonly Told[]) => events.map((one) => `${one.Type} ${one.Action}`);
const find = (events: readonly Told[], name: string) => {
  const found = events.find((one) => `${one.Type} ${one.Action}` === name);
  if (found === undefined) throw new Error(`${name} is not among ${names(events).join(", ")}`);
  return found;
};

describe("a container's life", () => {
  test("docker run --rm with a volume, its end, its removal", async () => {
    const events = await during(() =>
      ok("run", "--rm", "--name", "life", "--label", "a=b", "-v", "life-data:/data", image, "true"),
    );
    expect(names(events)).toEqual([
      "volume create",
      "container create",
      "container attach",
      "network connect",
      "volume mount",
      "container start",
      "network disconnect",
      "volume unmount",
      "container die",
      "container destroy",
    ]);
    const create = find(events, "container create");
    expect(create.Actor.Attributes).toEqual({ a: "b", image, name: "life" });
    const container = create.Actor.ID;
    expect(find(events, "container die").Actor.Attributes).toEqual({
      a: "b",
      execDuration: "0",
      exitCode: "0",
      image,
      name: "life",
    });
    expect(find(events, "network connect").Actor.Attributes).toEqual({
      container,
      name: "bridge",
      type: "bridge",
    });
    expect(find(events, "volume mount").Actor).toEqual({
      ID: "life-data",
      Attributes: { container, destination: "/data", driver: "local", propagation: "", "read/write": "true" },
    });
    expect(find(events, "volume unmount").Actor.Attributes).toEqual({ container, driver: "local" });
    const removed = await during(() => ok("volume", "rm", "life-data"));
    expect(removed.map((one) => [one.Action, one.Actor])).toEqual([
      ["destroy", { ID: "life-data", Attributes: { driver: "local" } }],
    ]);
  });

  test("stop, kill, restart, rm --force", async () => {
    await ok("run", "-d", "--name", "ends", "--network", "none", image, "sleep", "1000");
    const stop = await during(() => ok("stop", "-t", "0", "ends"), "type=container");
    expect(names(stop)).toEqual(["container kill", "container kill", "container die", "container stop"]);
    expect(stop.slice(0, 2).map((one) => one.Actor.Attributes["signal"])).toEqual(["15", "9"]);
    expect(stop[2]!.Actor.Attributes["exitCode"]).toBe("137");
    const start = await during(() => ok("start", "ends"));
    expect(names(start)).toEqual(["network connect", "container start"]);
    expect(start[0]!.Actor.Attributes).toMatchObject({ name: "none", type: "null" });
    const restart = await during(() => ok("restart", "-t", "10", "-s", "KILL", "ends"));
    expect(names(restart)).toEqual([
      "container kill",
      "network disconnect",
      "container die",
      "container stop",
      "network connect",
      "container start",
      "container restart",
    ]);
    const kill = await during(() => ok("kill", "-s", "USR1", "ends"));
    expect(kill.map((one) => [one.Action, one.Actor.Attributes["signal"]])).toEqual([["kill", "10"]]);
    expect(names(await during(() => ok("rm", "-f", "ends")))).toEqual([
      "container kill",
      "network disconnect",
      "container die",
      "container destroy",
    ]);
  });

  test("pause, update, rename, top, resize, files, commit", async () => {
    await ok("run", "-dt", "--name", "works", image, "sleep", "1000");
    const events = await during(async () => {
      await ok("pause", "works");
      await ok("unpause", "works");
      await ok("update", "--cpu-shares", "512", "works");
      await ok("rename", "works", "worked");
      await ok("top", "worked");
      await ok("cp", "worked:/etc/passwd", daemon.identity.root);
      await run(["sh", "-c", `tar -C /etc -c hostname | docker cp - worked:/tmp`], {
        env: { ...process.env, DOCKER_HOST: daemon.dockerHost },
      });
      await ok("export", "-o", `${daemon.identity.root}/exported.tar`, "worked");
      await ok("commit", "-m", "said", "worked", "committed:1");
    });
    expect(names(events)).toEqual([
      "container pause",
      "container unpause",
      "container update",
      "container rename",
      "container top",
      "container archive-path",
      "container extract-to-dir",
      "container export",
      "image create",
      "image tag",
      "container commit",
    ]);
    expect(find(events, "container rename").Actor.Attributes).toEqual({
      image,
      name: "worked",
      oldName: "/works",
    });
    const made = find(events, "image create");
    expect(made.Actor.Attributes["name"]).toBe(made.Actor.ID);
    expect(find(events, "image tag").Actor).toMatchObject({
      ID: made.Actor.ID,
      Attributes: { name: "committed:1" },
    });
    expect(find(events, "container commit").Actor.Attributes).toEqual({
      comment: "said",
      image,
      imageID: made.Actor.ID,
      imageRef: "committed:1",
      name: "worked",
    });
    await ok("rm", "-f", "worked");
    const gone = await during(() => ok("rmi", "committed:1"));
    expect(gone.map((one) => [one.Action, one.Actor.Attributes["name"]])).toEqual([
      ["untag", made.Actor.ID],
      ["delete", made.Actor.ID],
    ]);
  });

  test("exec, and the probes of a health check", async () => {
    await ok(
      "run",
      "-d",
      "--name",
      "asks",
      "--health-cmd",
      "true",
      "--health-interval",
      "1s",
      image,
      "sleep",
      "1000",
    );
    const events = await during(() => ok("exec", "asks", "sh", "-c", "exit 3").catch(() => {}));
    const own = events.filter((one) => !one.Action.includes("/bin/sh"));
    const id = find(events, "container exec_create: sh -c exit 3").Actor.Attributes["execID"];
    expect(own.filter((one) => one.Actor.Attributes["execID"] === id).map((one) => one.Action)).toEqual([
      "exec_create: sh -c exit 3",
      "exec_start: sh -c exit 3",
      "exec_die",
    ]);
    expect(own.find((one) => one.Action === "exec_die")?.Actor.Attributes).toEqual({
      execID: id!,
      exitCode: "3",
      image,
      name: "asks",
    });
    const healthy = await during(async () => {
      await ok("restart", "-t", "0", "asks");
      await eventually(
        "it is healthy",
        async () => (await ok("inspect", "--format", "{{.State.Health.Status}}", "asks")) === "healthy",
      );
    }, "container=asks");
    const at = healthy.findIndex((one) => one.Action === "health_status: healthy");
    expect(healthy.slice(at - 3, at).map((one) => one.Action)).toEqual([
      "exec_create: /bin/sh -c true",
      "exec_start: /bin/sh -c true",
      "exec_die",
    ]);
    await ok("rm", "-f", "asks");
  });

  test("a container that runs out of memory", async () => {
    const events = await during(
      () =>
        daemon.docker([
          "run",
          "--rm",
          "-m",
          "16m",
          "--memory-swap",
          "16m",
          image,
          "sh",
          "-c",
          "tail /dev/zero",
        ]),
      "type=container",
    );
    const told = names(events);
    expect(told.indexOf("container oom")).toBeGreaterThan(0);
    expect(told.indexOf("container oom")).toBeLessThan(told.indexOf("container die"));
  });
});

describe("images, networks and volumes", () => {
  test("a network: create, connect, disconnect, destroy, prune", async () => {
    await ok("run", "-d", "--name", "joins", "--network", "none", image, "sleep", "1000");
    await ok("rm", "-f", "joins");
    await ok("run", "-d", "--name", "joins", image, "sleep", "1000");
    const events = await during(async () => {
      await ok("network", "create", "apart");
      await ok("network", "connect", "apart", "joins");
      await ok("network", "disconnect", "apart", "joins");
      await ok("network", "rm", "apart");
      await ok("network", "prune", "-f");
    });
    expect(names(events)).toEqual([
      "network create",
      "network connect",
      "network disconnect",
      "network destroy",
      "network prune",
    ]);
    expect(events[0]!.Actor.Attributes).toEqual({ name: "apart", type: "bridge" });
    expect(events[4]!.Actor).toEqual({ ID: "", Attributes: { reclaimed: "0" } });
    await ok("rm", "-f", "joins");
  });

  test("images: tag, save, load, import, untag", async () => {
    const archive = `${daemon.identity.root}/image.tar`;
    const id = await ok("inspect", "--type", "image", "--format", "{{.Id}}", image);
    const events = await during(async () => {
      await ok("tag", image, "other:2");
      await ok("save", "-o", archive, "other:2");
      await ok("rmi", "other:2");
      await ok("load", "-q", "-i", archive);
      await ok("rmi", "other:2");
    });
    expect(events.map((one) => `${one.Action} ${one.Actor.Attributes["name"]}`)).toEqual([
      "tag other:2",
      `save ${id}`,
      `untag ${id}`,
      `load ${id}`,
      `untag ${id}`,
    ]);
    expect(new Set(events.map((one) => one.Actor.ID))).toEqual(new Set([id]));
  });

  test("prunes tell what they freed", async () => {
    const events = await during(async () => {
      await ok("container", "prune", "-f");
      await ok("image", "prune", "-f");
      await ok("volume", "prune", "-f");
    });
    expect(names(events)).toEqual(["container prune", "image prune", "volume prune"]);
    for (const one of events) expect(one.Actor.Attributes["reclaimed"]).toMatch(/^\d+$/);
  });

  test("filters choose as Docker's do", async () => {
    const all = await during(() => ok("run", "--rm", "--name", "chosen-1", "--label", "k=v", image, "true"));
    const since = (Math.floor(all[0]!.timeNano / 1e6) / 1e3).toFixed(3);
    const until = ((Date.now() + 1) / 1000).toFixed(3);
    const chosen = async (...filters: string[]) => {
      const flags = filters.flatMap((one) => ["--filter", one]);
      const text = await ok(
        "events",
        "--since",
        since,
        "--until",
        until,
        "--format",
        "{{.Type}} {{.Action}}",
        ...flags,
      );
      return text.split("\n").filter(Boolean);
    };
    const own = [
      "container create",
      "container attach",
      "container start",
      "container die",
      "container destroy",
    ];
    expect(await chosen("container=chosen")).toEqual(own);
    expect(await chosen("label=k=v")).toEqual(own);
    expect(await chosen("label=k=w")).toEqual([]);
    expect(await chosen(`image=${image.split(":")[0]}`)).toEqual(own);
    expect(await chosen("type=network", "network=bridge")).toEqual(["network connect", "network disconnect"]);
    expect(await chosen("event=die", "event=start")).toEqual(["container start", "container die"]);
    expect(await chosen("scope=swarm")).toEqual([]);
    expect(await chosen("service=x")).toEqual([]);
  });
});
