import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail, VirgaError } from "../base/index.ts";
import { testStacks, type TestStacks } from "./testing.ts";
import type { UpOptions } from "./stack.ts";

let t: TestStacks;
beforeEach(async () => {
  t = await testStacks();
});
afterEach(async () => await t[Symbol.asyncDispose]());

const up = async (options: Partial<UpOptions> = {}) =>
  await t.drive(t.stacks.up(t.source(), { services: [], ...options }, t.context));
const down = async (options = {}) => await t.drive(t.stacks.down(t.source(), options, t.context));
const calls = () => t.machine.calls.splice(0);
const upFailure = async (options: Partial<UpOptions> = {}) => {
  const error: unknown = await up(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(VirgaError);
  return error as VirgaError;
};

const shop = `services:
  web:
    build: ./web
    ports: ["127.0.0.1:8080:80"]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres
    volumes: [data:/data]
    healthcheck: {test: pg_isready}
volumes: {data: }
`;

describe("up", () => {
  test("makes everything in order, and again changes nothing", async () => {
    t.machine.behaviours.set("db", { health: "healthy", afterMs: 500 });
    await t.write({ "compose.yaml": shop });
    const status = await up();
    expect(calls()).toEqual([
      "pull postgres",
      "build shop-web",
      "network create shop_default",
      "volume create shop_data",
      "create shop-db-1",
      "start shop-db-1",
      "create shop-web-1",
      "start shop-web-1",
    ]);
    expect(
      status.services.map(({ container, state, health, ports, urls }) => ({
        container,
        state,
        health,
        ports,
        urls,
      })),
    ).toEqual([
      { container: "shop-db-1", state: "running", health: "healthy", ports: [], urls: [] },
      {
        container: "shop-web-1",
        state: "running",
        health: undefined,
        ports: ["127.0.0.1:8080->80/tcp"],
        urls: ["http://127.0.0.1:8080"],
      },
    ]);
    const web = t.machine.containers.get("shop-web-1");
    expect(web.spec.labels).toMatchObject({
      "com.docker.compose.project": "shop",
      "com.docker.compose.service": "web",
      "com.docker.compose.container-number": "1",
      "com.docker.compose.oneoff": "False",
      "com.docker.compose.project.working_dir": t.directory,
      "com.docker.compose.project.config_files": join(t.directory, "compose.yaml"),
      "com.docker.compose.depends_on": "db:service_healthy:false",
      "com.docker.compose.image": web.imageId,
    });
    expect(web.spec.network?.endpoints).toEqual({ shop_default: { aliases: ["shop-web-1", "web"] } });
    await up();
    expect(calls()).toEqual([]);
    expect(await t.stacks.plan(t.source(), { services: [] })).toEqual([
      "nothing: everything is as the files say",
    ]);
    expect(t.stacks.list()).toEqual([{ name: "shop", services: 2, running: 2 }]);
  });

  test("changes only what changed: configuration, then image", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n  b: {image: y, environment: {A: '1'}}\n" });
    await up();
    calls();
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n  b: {image: y, environment: {A: '2'}}\n" });
    expect(await t.stacks.plan(t.source(), { services: [] })).toEqual([
      "replace container shop-b-1, which stops for a moment (its configuration has changed)",
      "start container shop-b-1",
    ]);
    const old = t.machine.containers.get("shop-b-1").id.slice(0, 12);
    await up();
    expect(calls()).toEqual([
      `create ${old}_shop-b-1`,
      "stop shop-b-1",
      "rm shop-b-1",
      `rename ${old}_shop-b-1 shop-b-1`,
      "start shop-b-1",
    ]);
    t.machine.images.add("x");
    await up();
    expect(calls().filter((call) => call.startsWith("start"))).toEqual(["start shop-a-1"]);
  });

  test("a replaced container keeps its anonymous volumes, the image's ones included", async () => {
    t.machine.images.add("x", { Volumes: { "/image": {} } });
    await t.write({ "compose.yaml": "services:\n  a: {image: x, volumes: [/own]}\n" });
    await up();
    const before = t.machine.containers.get("shop-a-1").mounts;
    await up({ forceRecreate: true });
    await up({ forceRecreate: true });
    const after = t.machine.containers.get("shop-a-1").mounts;
    const names = (mounts: typeof after) =>
      mounts.map((mount) => [mount.target, mount.type === "volume" && mount.name]);
    expect(names(after)).toEqual(names(before));
    await down({ volumes: true });
    expect([...t.machine.volumes.stored.keys()]).toEqual([]);
  });

  test("an empty command is none at all, not the image's", async () => {
    t.machine.images.add("x", { Entrypoint: ["/serve"], Cmd: ["--default"] });
    await t.write({ "compose.yaml": "services:\n  a: {image: x, command: []}\n  b: {image: x}\n" });
    await up();
    expect(t.machine.containers.get("shop-a-1").spec).toMatchObject({ entrypoint: ["/serve"], command: [] });
    expect(t.machine.containers.get("shop-b-1").spec).not.toHaveProperty("entrypoint");
  });

  test("scales up and down, and replaces one container after the other", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x, scale: 3}\n" });
    await up();
    expect(
      t.machine.containers
        .list()
        .map((one) => one.name)
        .toSorted(),
    ).toEqual(["shop-a-1", "shop-a-2", "shop-a-3"]);
    calls();
    await up({ scale: { a: 1 } });
    expect(calls().toSorted()).toEqual(["rm shop-a-2", "rm shop-a-3", "stop shop-a-2", "stop shop-a-3"]);
    await up({ scale: { a: 2 } });
    calls();
    await up({ scale: { a: 2 }, forceRecreate: true });
    expect(calls().filter((call) => /^(start|stop)/.test(call))).toEqual([
      "stop shop-a-1",
      "start shop-a-1",
      "stop shop-a-2",
      "start shop-a-2",
    ]);
  });

  test("a secret is a read-only file whose change replaces the container", async () => {
    const file =
      "services:\n  a: {image: x, secrets: [{source: key, mode: 0440, uid: '5'}], configs: [conf]}\nsecrets: {key: {environment: KEY}}\nconfigs: {conf: {content: 'port=$PORT'}}\n";
    await t.write({ "compose.yaml": file });
    const run = async (environment: Record<string, string>) =>
      await t.drive(t.stacks.up(t.source({ environment }), { services: [] }, t.context));
    await run({ KEY: "one", PORT: "80" });
    const [secret, config] = t.machine.containers.get("shop-a-1").spec.mounts!;
    expect(secret).toMatchObject({ type: "bind", target: "/run/secrets/key", readOnly: true });
    expect(config).toMatchObject({ target: "/conf", readOnly: true });
    const path = (secret as { source: string }).source;
    expect(await readFile(path, "utf8")).toBe("one");
    const { mode, uid } = await stat(path);
    expect([mode & 0o777, uid]).toEqual([0o440, 5]);
    expect(await readFile((config as { source: string }).source, "utf8")).toBe("port=80");
    calls();
    await run({ KEY: "two", PORT: "80" });
    expect(calls()).toContain("start shop-a-1");
    expect(stat(path)).rejects.toThrow("ENOENT");
    const error = (await run({ PORT: "80" }).catch((thrown: unknown) => thrown)) as VirgaError;
    expect(error.message).toContain("secrets.key.environment: the variable KEY is not set");
    await down();
    expect(stat(join(path, ".."))).rejects.toThrow("ENOENT");
  });

  test("orphans: a warning, or their end", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n  b: {image: x}\n" });
    await up();
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
    expect((await up()).warnings).toEqual([
      "containers of services that are not in the file: shop-b-1 (--remove-orphans removes them)",
    ]);
    calls();
    await up({ removeOrphans: true });
    expect(calls()).toEqual(["stop shop-b-1", "rm shop-b-1"]);
  });

  test("services named, with what they depend on; profiles", async () => {
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n  c: {image: x}\n  d: {image: x, profiles: [debug]}\n  e: {image: x, depends_on: [d]}\n",
    });
    await up({ services: ["a"] });
    expect(calls().filter((call) => call.startsWith("start"))).toEqual(["start shop-b-1", "start shop-a-1"]);
    await up({ services: ["d"] });
    expect(calls()).toContain("start shop-d-1");
    expect((await upFailure()).message).toContain(
      "services.e.depends_on: 'd' is needed, but only there with a profile (debug)",
    );
    expect((await upFailure({ services: ["f"] })).message).toBe("no such service: f");
  });

  test("depends_on restart: true stops and starts the dependent around the replacement", async () => {
    const file = (value: string) =>
      `services:\n  a: {image: x, depends_on: {b: {condition: service_started, restart: true}}}\n  b: {image: x, environment: {V: '${value}'}}\n`;
    await t.write({ "compose.yaml": file("1") });
    await up();
    await t.write({ "compose.yaml": file("2") });
    calls();
    await up();
    expect(calls().filter((call) => /^(start|stop)/.test(call))).toEqual([
      "stop shop-a-1",
      "stop shop-b-1",
      "start shop-b-1",
      "start shop-a-1",
    ]);
  });

  test("a network whose definition changed is made anew, with its containers", async () => {
    await t.write({
      "compose.yaml": "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, volumes: [/v]}\n",
    });
    await up();
    const [volume] = t.machine.containers.get("shop-b-1").mounts;
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, volumes: [/v]}\nnetworks: {default: {internal: true}}\n",
    });
    calls();
    await up();
    expect(calls()).toEqual([
      "stop shop-a-1",
      "rm shop-a-1",
      "stop shop-b-1",
      "rm shop-b-1",
      "network rm shop_default",
      "network create shop_default",
      "create shop-b-1",
      "start shop-b-1",
      "create shop-a-1",
      "start shop-a-1",
    ]);
    expect(t.machine.containers.get("shop-b-1").mounts[0]).toMatchObject({
      name: (volume as { name: string }).name,
    });
  });

  test("service: modes name the container, and follow it when it is replaced", async () => {
    const file = (value: string) =>
      `services:\n  a: {image: x, environment: {V: '${value}'}}\n  b: {image: x, network_mode: service:a, volumes_from: ['a:ro']}\n`;
    await t.write({ "compose.yaml": file("1") });
    await up();
    const a = t.machine.containers.get("shop-a-1").id;
    expect(t.machine.containers.get("shop-b-1").spec).toMatchObject({
      network: { mode: `container:${a}` },
      volumesFrom: [`${a}:ro`],
    });
    await t.write({ "compose.yaml": file("2") });
    await up();
    const next = t.machine.containers.get("shop-a-1").id;
    expect(t.machine.containers.get("shop-b-1").spec.network?.mode).toBe(`container:${next}`);
  });
});

describe("what fails", () => {
  test("an unhealthy dependency: said with the check's output and the next command; what was made stays", async () => {
    t.machine.behaviours.set("db", { health: "unhealthy", afterMs: 300 });
    await t.write({ "compose.yaml": shop });
    const error = await upFailure();
    expect(error.code).toBe("stack.dependency-failed");
    expect(error.message).toBe(
      "dependency failed to start: container shop-db-1 is unhealthy; its check ended with exit code 1:\nconnection refused",
    );
    expect(error.hint).toBe("look at its output: virga logs -p shop db");
    expect(calls()).not.toContain("create shop-web-1");
    expect(t.progress.findLast((one) => one.outcome === "failed")?.task).toBe("service db");
    t.machine.behaviours.set("db", { health: "healthy" });
    await t.machine.containers.stop("shop-db-1");
    await up();
    expect(calls()).toEqual(["stop shop-db-1", "start shop-db-1", "create shop-web-1", "start shop-web-1"]);
  });

  test("a job that fails, one that succeeds, a service that ends at once", async () => {
    t.machine.behaviours.set("job", { exitCode: 0, afterMs: 200 });
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, depends_on: {job: {condition: service_completed_successfully}}}\n  job: {image: x}\n",
    });
    await up();
    t.machine.behaviours.set("job", { exitCode: 3, afterMs: 200, output: ["cannot connect"] });
    expect((await upFailure({ forceRecreate: true })).message).toBe(
      "dependency failed to start: container shop-job-1 ended with exit code 3; its last output:\ncannot connect",
    );
    t.machine.behaviours.set("job", { exitCode: 0 });
    t.machine.behaviours.set("a", { exitCode: 1, afterMs: 100 });
    expect((await upFailure({ forceRecreate: true })).code).toBe("stack.exited");
  });

  test("a dependency that is not required only warns", async () => {
    t.machine.behaviours.set("b", { exitCode: 1 });
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, depends_on: {b: {condition: service_completed_successfully, required: false}}}\n  b: {image: x}\n",
    });
    const status = await up({ wait: false });
    expect(calls()).toContain("start shop-a-1");
    expect(status.warnings.join()).toContain(
      "b: dependency failed to start: container shop-b-1 ended with exit code 1",
    );
  });

  test("no health check to wait for", async () => {
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, depends_on: {b: {condition: service_healthy}}}\n  b: {image: x}\n",
    });
    expect((await upFailure()).message).toContain("container shop-b-1 has no health check to wait for");
  });

  test("a wrong file changes nothing", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n  b: {image: x, prots: ['80']}\n" });
    await upFailure();
    expect(calls()).toEqual([]);
  });

  test.each([
    ["create", (old: string) => [`create ${old}_shop-a-1`]],
    ["stop", (old: string) => [`create ${old}_shop-a-1`, "stop shop-a-1", `rm ${old}_shop-a-1`]],
  ])("a replacement that fails at %s leaves the old container", async (at, expected) => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
    await up();
    calls();
    const { id } = t.machine.containers.get("shop-a-1");
    t.machine.failures.set(at, fail("exhausted", "disk.full", "no space left"));
    expect((await upFailure({ forceRecreate: true })).code).toBe("disk.full");
    expect(calls()).toEqual(expected(id.slice(0, 12)));
    expect(t.machine.containers.list().map((one) => one.id)).toEqual([id]);
  });

  test("an update that was interrupted is ended by the next up", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
    await up();
    const { id } = t.machine.containers.get("shop-a-1");
    const temporary = `${id.slice(0, 12)}_shop-a-1`;
    t.machine.failures.set("rename", new Error("killed"));
    await up({ forceRecreate: true }).catch(() => {});
    expect(t.machine.containers.list().map((one) => one.name)).toEqual([temporary]);
    calls();
    await up();
    expect(calls()).toEqual([`rename ${temporary} shop-a-1`, "start shop-a-1"]);
    t.machine.failures.set("stop", new Error("killed"));
    t.machine.failures.set(`rm ${t.machine.containers.get("shop-a-1").id.slice(0, 12)}`, new Error("killed"));
    await up({ forceRecreate: true }).catch(() => {});
    expect(t.machine.containers.list()).toHaveLength(2);
    calls();
    await up();
    expect(calls()).toHaveLength(1);
    expect(t.machine.containers.list().map((one) => one.name)).toEqual(["shop-a-1"]);
  });

  test("networks and volumes of others, changed volumes, missing external ones, images that may not be built", async () => {
    await t.machine.networks.create({ name: "shop_default" });
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
    expect((await upFailure()).code).toBe("stack.foreign-network");
    t.machine.networks.stored.clear();
    await t.write({
      "compose.yaml": "services:\n  a: {image: x, volumes: ['v:/v']}\nvolumes: {v: {external: true}}\n",
    });
    expect((await upFailure()).message).toBe("the external volume v is not there");
    await t.write({ "compose.yaml": "services:\n  a: {image: x, volumes: ['v:/v']}\nvolumes: {v: }\n" });
    await up();
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, volumes: ['v:/v']}\nvolumes: {v: {driver_opts: {type: tmpfs, device: tmpfs}}}\n",
    });
    calls();
    expect((await upFailure()).code).toBe("stack.volume-changed");
    await t.write({ "compose.yaml": "services:\n  a: {build: .}\n" });
    expect((await upFailure({ build: "never" })).code).toBe("stack.image-missing");
    expect(calls()).toEqual([]);
  });

  test("a failed build stops the others, and cancelling leaves what was made", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {build: .}\n  b: {build: .}\n  c: {build: .}\n" });
    t.machine.failures.set(
      "build shop-b",
      fail("invalid", "build.step-failed", "returned a non-zero code: 3", {
        cause: { exitCode: 3, place: { file: "Dockerfile", line: 2, keyword: "RUN" }, output: ["why"] },
      }),
    );
    const error = await upFailure();
    expect([error.kind, error.code]).toEqual(["precondition", "build.step-failed"]);
    expect(error.message).toBe("image shop-b: a step ended with exit code 3\n  | why");
    expect(error.hint).toStartWith("what was made stays: ");
    expect(calls()).toEqual(["build shop-a", "build shop-b"]);
    const cancel = new AbortController();
    const running = t.stacks.up(t.source(), { services: [] }, { ...t.context, signal: cancel.signal });
    running.catch(() => {});
    while (t.machine.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    cancel.abort(fail("cancelled", "operation.cancelled", "cancelled"));
    expect(((await t.drive(running).catch((thrown: unknown) => thrown)) as VirgaError).kind).toBe(
      "cancelled",
    );
  });
});

describe("down", () => {
  test("reverse order; networks go, volumes and images only when asked; by name alone", async () => {
    t.machine.behaviours.set("db", { health: "healthy" });
    await t.write({ "compose.yaml": shop });
    await up();
    calls();
    await down();
    expect(calls()).toEqual([
      "stop shop-web-1",
      "rm shop-web-1",
      "stop shop-db-1",
      "rm shop-db-1",
      "network rm shop_default",
    ]);
    await up();
    calls();
    await t.drive(t.stacks.down({ name: "shop" }, { volumes: true, images: "local" }, t.context));
    expect(calls().slice(4)).toEqual([
      "network rm shop_default",
      "volume rm shop_data",
      "rmi docker.io/library/shop-web:latest",
    ]);
    expect(t.machine.containers.list()).toEqual([]);
  });

  test("a container that had to be killed is told of, with the reason and what helps", async () => {
    await t.write({ "compose.yaml": "services: {a: {image: x}}\n" });
    await up();
    t.machine.containers.stopped = {
      explanation: {
        signal: "SIGTERM",
        waitedSeconds: 10,
        reason: "ignored",
        message: "the program (x) ignores SIGTERM",
        advice: ["set STOPSIGNAL"],
      },
    };
    const { directory } = t;
    await down();
    const project = directory.split("/").at(-1)!.toLowerCase();
    expect(t.progress.find((one) => one.outcome === "warning")?.message).toBe(
      `${project}-a-1 had to be killed, 10 s after SIGTERM: the program (x) ignores SIGTERM (set STOPSIGNAL)`,
    );
  });

  test("external networks and volumes are never touched", async () => {
    await t.machine.networks.create({ name: "outside" });
    await t.machine.volumes.create({ name: "kept" });
    await t.write({
      "compose.yaml":
        "services:\n  a: {image: x, networks: [outside], volumes: ['kept:/k']}\nnetworks: {outside: {external: true}}\nvolumes: {kept: {external: true}}\n",
    });
    await up();
    calls();
    await down({ volumes: true });
    expect(calls()).toEqual(["stop shop-a-1", "rm shop-a-1 with volumes"]);
  });

  test("a broken file does not stand in the way", async () => {
    await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
    await up();
    await writeFile(join(t.directory, "compose.yaml"), "services: [broken\n");
    await down();
    expect(t.machine.containers.list()).toEqual([]);
  });
});

test("a name that no stack has; nothing to take down", async () => {
  await t.write({ "compose.yaml": "services:\n  a: {image: x}\n" });
  await up();
  const error = (await t.stacks.status({ name: "shpo" }).catch((thrown: unknown) => thrown)) as VirgaError;
  expect(error.message).toBe("no such stack: shpo – did you mean 'shop'?");
  await t.drive(t.stacks.down({ name: "other" }, {}, t.context));
  expect(t.progress.at(-1)).toEqual({
    task: "stack other",
    message: "Nothing of it is there",
    outcome: "skipped",
  });
  expect(t.machine.containers.list()).toHaveLength(1);
});

test("config reads as the same stack again", async () => {
  await t.write({
    "compose.yaml": `services:
  a:
    image: x
    environment: {PRICE: "5$$", N: 1.10}
    ports: ["8080:80", "127.0.0.1:9000-9001:9000-9001/udp"]
    volumes: ["./d:/d:ro", "v:/v", {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    tmpfs: /run:mode=755
    healthcheck: {test: "true", interval: 1m30s, timeout: 500ms}
    mem_limit: 64m
    stop_grace_period: 2s
    secrets: [{source: s, mode: 0400}]
    depends_on: {b: {condition: service_started, restart: true}}
    ulimits: {nofile: 10}
    networks: {default: {aliases: [z]}}
  b: {image: y}
volumes: {v: }
secrets: {s: {file: ./secret}}
`,
    secret: "x",
  });
  const first = await t.stacks.config(t.source());
  await t.write({ "compose.yaml": JSON.stringify(first) });
  expect(await t.stacks.config(t.source())).toEqual(first);
  expect(first).toMatchObject({
    name: "shop",
    services: { a: { environment: { PRICE: "5$$", N: "1.10" }, mem_limit: "67108864" } },
    networks: { default: { name: "shop_default" } },
  });
});
