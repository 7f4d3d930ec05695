import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createClient } from "../../src/api/client/index.ts";
import { eventually, importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { settledHoldings } from "../support/holdings.ts";

/** What keeps containers well over the years: restarts when unhealthy, stops that explain themselves. */
const minute = 60_000;
let daemon: TestDaemon;
let before: string[];
const image = "box:1";
const ok = (...args: string[]) => daemon.dockerOk(args);
const client = () =>
  createClient((path, init) =>
    fetch(`http://virga${path}`, { ...init, unix: daemon.identity.path("run", "virga.sock") }),
  );
const inspect = (name: string, format: string) => ok("inspect", "--format", format, name);
/** Events of a container, one JSON object each. */
async function events(
  container: string,
): Promise<{ Action: string; Actor: { Attributes: Record<string, string> } }[]> {
  const text = await ok(
    "events",
    "--filter",
    `container=${container}`,
    "--since",
    "1",
    "--until",
    ((Date.now() + 1) / 1000).toFixed(3),
    "--format",
    "{{json .}}",
  );
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { Action: string; Actor: { Attributes: Record<string, string> } });
}

beforeAll(async () => {
  daemon = await startDaemon();
  await importBusybox(daemon, image);
}, minute);
afterAll(() => daemon.destroy(), minute);
beforeEach(async () => {
  const ids = (await ok("ps", "-aq")).split("\n").filter(Boolean);
  if (ids.length > 0) await ok("rm", "-f", "-v", ...ids);
  before ??= await settledHoldings(daemon);
  expect(await settledHoldings(daemon)).toEqual(before);
}, minute);

describe("a container with virga.restart-unhealthy", () => {
  const check = ["--health-cmd", "test -e /tmp/well", "--health-interval", "200ms", "--health-retries", "2"];

  test(
    "comes back well, and the events say why it went",
    async () => {
      const command = "trap 'exit 0' TERM; touch /tmp/well; while :; do sleep 0.1; done";
      await ok(
        "run",
        "-d",
        "--name",
        "ill",
        "--label",
        "virga.restart-unhealthy=true",
        ...check,
        image,
        "sh",
        "-c",
        command,
      );
      await eventually(
        "it is healthy",
        async () => (await inspect("ill", "{{.State.Health.Status}}")) === "healthy",
      );
      await ok("exec", "ill", "rm", "/tmp/well");
      await eventually("it was restarted", async () => (await inspect("ill", "{{.RestartCount}}")) === "1");
      await eventually(
        "it is healthy again",
        async () =>
          (await inspect("ill", "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}")) ===
          "running healthy",
      );
      const seen = await events(await inspect("ill", "{{.Id}}"));
      expect(seen.find((one) => one.Action === "restart")!.Actor.Attributes).toMatchObject({
        reason: "unhealthy",
        failingStreak: "2",
      });
      const log = readFileSync(daemon.identity.path("log", "daemon.log"), "utf8");
      expect(log).toContain("a container is unhealthy and is restarted");
    },
    minute,
  );

  test(
    "stays stopped once it was stopped by hand, and is not touched without the label",
    async () => {
      await ok("run", "-d", "--name", "plain", ...check, image, "sleep", "600");
      await eventually(
        "it is unhealthy",
        async () => (await inspect("plain", "{{.State.Health.Status}}")) === "unhealthy",
      );
      expect(await inspect("plain", "{{.RestartCount}} {{.State.Status}}")).toBe("0 running");
      await ok(
        "run",
        "-d",
        "--name",
        "ill",
        "--label",
        "virga.restart-unhealthy=true",
        ...check,
        image,
        "sleep",
        "600",
      );
      await ok("stop", "-t", "0", "ill");
      expect(await inspect("ill", "{{.State.Status}}")).toBe("exited");
    },
    minute,
  );
});

describe("a stop that needs SIGKILL", () => {
  const cases: readonly [string, string[], string, string][] = [
    ["a program without a handler", ["sleep", "600"], "no-handler", "--init"],
    ["a program that ignores it", ["sh", "-c", "trap '' TERM; exec sleep 600"], "ignored", "STOPSIGNAL"],
    ["a shell in front of the program", ["sh", "-c", "sleep 600; true"], "shell", "exec form"],
  ];

  test.each(cases)(
    "explains %s",
    async (_name, command, reason, advice) => {
      const id = await ok("run", "-d", "--name", "deaf", image, ...command);
      if (reason === "shell") {
        await eventually(
          "the command runs",
          async () =>
            (await ok("top", "deaf")).includes("sleep 600\n") ||
            (await ok("top", "deaf")).split("\n").length > 2,
        );
      }
      const { explanation, alreadyStopped } = await client().stopContainer("deaf", { timeout: 1 });
      expect(alreadyStopped).toBe(false);
      expect(explanation).toMatchObject({ reason, signal: "SIGTERM", waitedSeconds: 1 });
      expect(explanation!.advice.join("\n")).toContain(advice);
      expect(await inspect("deaf", "{{.State.ExitCode}}")).toBe("137");
      const kills = (await events(id)).filter((one) => one.Action === "kill");
      expect(kills.map((one) => one.Actor.Attributes["signal"])).toEqual(["15", "9"]);
      expect(kills[1]!.Actor.Attributes["reason"]).toBe(explanation!.message);
      const log = readFileSync(daemon.identity.path("log", "daemon.log"), "utf8");
      expect(log).toContain("a container had to be killed");
      expect(await client().stopContainer("deaf")).toEqual({ alreadyStopped: true });
    },
    minute,
  );

  test(
    "has nothing to explain when the program ends in time, with --init too",
    async () => {
      await ok("run", "-d", "--name", "good", "--init", image, "sleep", "600");
      // An init that is only just beginning does not take signals yet.
      await eventually("the program runs", async () => (await ok("top", "good")).split("\n").length > 2);
      expect(await client().stopContainer("good", { timeout: 10 })).toEqual({ alreadyStopped: false });
    },
    minute,
  );
});

describe("a prune", () => {
  const kinds = (items: readonly { readonly kind: string; readonly name: string }[]) =>
    items.map(({ kind, name }) => `${kind} ${name}`).toSorted();

  async function mess(): Promise<void> {
    const dockerfile = `FROM ${image}\nRUN head -c 300000 /dev/zero >/layer\nVOLUME /data\n`;
    await ok("build", "-t", "mess:1", await context(dockerfile));
    await ok("network", "create", "unused");
    await ok("network", "create", "used");
    await ok(
      "run",
      "--name",
      "old",
      "--network",
      "used",
      "mess:1",
      "sh",
      "-c",
      "head -c 200000 /dev/zero >/data/a; cp /data/a /own",
    );
    await ok("run", "-d", "--name", "alive", "--network", "used", image, "sleep", "600");
  }

  async function context(dockerfile: string): Promise<string> {
    const folder = mkdtempSync("/tmp/virga-upkeep-");
    writeFileSync(`${folder}/Dockerfile`, dockerfile);
    folders.push(folder);
    return folder;
  }
  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
    const ids = (await ok("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length > 0) await ok("rm", "-f", "-v", ...ids);
    await daemon.docker(["rmi", "mess:1"]);
    await ok("network", "prune", "-f");
    await ok("builder", "prune", "-af");
    await ok("volume", "prune", "-f");
  }, minute);

  test(
    "says what it would free, changes nothing, and then frees just that",
    async () => {
      await mess();
      const there = await settledHoldings(daemon);
      const plan = await client().prune({ plan: true, all: true, volumes: true });
      expect(await settledHoldings(daemon)).toEqual(there);
      const volume = (await ok("volume", "ls", "-q")).split("\n");
      expect(volume).toHaveLength(1);
      expect(kinds(plan.items)).toEqual(
        [
          "build-cache 2 build steps",
          "container old",
          "image mess:1",
          "network unused",
          `volume ${volume[0]}`,
        ].toSorted(),
      );
      const bytes = Object.fromEntries(plan.items.map((item) => [item.kind, item.bytes]));
      expect(bytes["container"]).toBe(200_000);
      expect(bytes["volume"]).toBeGreaterThanOrEqual(200_000);
      // The layer, and its tar.
      expect(bytes["image"]).toBeGreaterThanOrEqual(600_000);
      const done = await client().prune({ all: true, volumes: true });
      expect(done).toEqual({ ...plan, planned: false });
      expect(await ok("ps", "-a", "--format", "{{.Names}}")).toBe("alive");
      expect(await ok("images", "-q", "mess")).toBe("");
      expect((await client().prune({ plan: true, all: true, volumes: true })).items).toEqual([]);
    },
    minute,
  );

  test(
    "with a list takes nothing else, and without flags leaves named images and volumes",
    async () => {
      await mess();
      const plan = await client().prune({ plan: true });
      expect(kinds(plan.items)).toEqual(["container old", "network unused"]);
      const { id } = plan.items.find((item) => item.kind === "container")!;
      await ok("run", "--name", "newer", image, "true");
      const done = await client().prune({ only: [`container ${id}`] });
      expect(kinds(done.items)).toEqual(["container old"]);
      expect((await ok("ps", "-a", "--format", "{{.Names}}")).split("\n").toSorted()).toEqual([
        "alive",
        "newer",
      ]);
      expect(await ok("network", "ls", "-q", "--filter", "name=unused")).not.toBe("");
    },
    minute,
  );

  test("refuses what it does not know", async () => {
    expect(client().prune({ volumes: true, until: "2030-01-01T00:00:00Z" })).rejects.toThrow(
      "'until' does not go together",
    );
    expect(client().prune({ until: "yesterday" })).rejects.toThrow("until");
  });
});

describe("a container that is changed in its place", () => {
  const run = (...args: string[]) =>
    ok(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "18180:80",
      "--stop-timeout",
      "1",
      "-v",
      "/data",
      ...args,
      image,
      "httpd",
      "-f",
      "-h",
      "/www",
    );
  const page = async (hostPort: number) => (await fetch(`http://127.0.0.1:${hostPort}/`)).text();
  const port = (hostPort: number) => ({ protocol: "tcp" as const, containerPort: 80, hostIp: "", hostPort });
  const pid = () => inspect("web", "{{.State.Pid}}");

  test(
    "has another port, environment, mount and limit, and all else as before",
    async () => {
      const id = await run("-e", "A=1", "--init");
      await ok("exec", "web", "sh", "-c", "echo data >/data/file; echo own >/own");
      const [address, volume] = [
        await inspect("web", "{{.NetworkSettings.IPAddress}}"),
        await inspect("web", "{{(index .Mounts 0).Name}}"),
      ];
      const change = {
        ports: { set: [port(18181)] },
        env: { set: ["A=2"] },
        mounts: { add: [{ type: "volume" as const, name: "extra", target: "/extra" }] },
        resources: { pidsLimit: 50 },
      };
      const started = await pid();
      const plan = await client().recreate("web", change, { plan: true });
      expect(plan.changes.map((one) => one.what)).toEqual([
        "environment A",
        "port 80/tcp",
        "mount /extra",
        "pidsLimit",
      ]);
      expect(plan).toMatchObject({ planned: true, how: "restart", stopSeconds: 1, keepsFiles: true });
      expect(await pid()).toBe(started);
      const done = await client().recreate("web", change);
      expect(done).toMatchObject({ planned: false, id, name: "web" });
      expect(done.downtimeMs).toBeLessThan(10_000);
      expect(await inspect("web", "{{.Id}} {{.NetworkSettings.IPAddress}}")).toBe(`${id} ${address}`);
      expect(
        await ok("exec", "web", "sh", "-c", "cat /data/file /own; echo $A; test -d /extra && echo yes"),
      ).toBe("data\nown\n2\nyes");
      expect(await page(18181)).toBe("ok\n");
      expect(page(18180)).rejects.toThrow();
      expect(await ok("volume", "ls", "-q")).toContain(volume);
      await ok("rm", "-f", "-v", "web");
      await ok("volume", "rm", "extra");
    },
    minute,
  );

  test(
    "is what it was when the port is taken by a program, and when the daemon is killed on the way",
    async () => {
      const id = await run();
      using taken = Bun.serve({ port: 18182, hostname: "0.0.0.0", fetch: () => new Response("mine") });
      expect(client().recreate("web", { ports: { set: [port(taken.port!)] } }, {})).rejects.toThrow(
        "it is as it was",
      );
      await eventually("it answers again", async () => (await page(18180).catch(() => "")) === "ok\n");
      expect(await inspect("web", "{{.Id}} {{.State.Status}}")).toBe(`${id} running`);

      await ok("rm", "-f", "-v", "web");
      // It ignores its signal, so that the daemon is killed in the middle of the stop.
      await ok(
        "run",
        "-d",
        "--name",
        "web",
        image,
        "sh",
        "-c",
        "trap 'echo asked; sleep 1; exit 3' TERM; echo ready; while :; do sleep 0.1; done",
      );
      const said = (text: string) =>
        eventually(`it says ${text}`, async () => (await ok("logs", "web")).includes(text));
      await said("ready");
      const pid = Number(await inspect("web", "{{.State.Pid}}"));
      const cut = client()
        .recreate("web", { command: ["true"] })
        .catch((error: unknown) => error);
      await said("asked");
      await daemon.crash();
      expect(await cut).toBeInstanceOf(Error);
      await eventually("its process has ended", async () => !existsSync(`/proc/${pid}`));
      await daemon.start();
      await eventually(
        "it runs again",
        async () => (await inspect("web", "{{.State.Status}}")) === "running",
      );
      expect(await inspect("web", "{{json .Config.Cmd}}")).toContain("trap");
    },
    minute,
  );
});
