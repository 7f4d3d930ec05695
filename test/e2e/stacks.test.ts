import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { busyboxTar, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { onTerminal } from "../support/terminal.ts";

/**
 * `virga` as a person uses it on stacks, against a real daemon: what it says, what it changes and what it leaves
 * alone. Images are busybox, so that nothing comes from outside.
 */
const folder = mkdtempSync("/tmp/virga-stacks-");
let daemon: TestDaemon;

beforeAll(async () => {
  daemon = await startDaemon();
  const tar = await busyboxTar();
  await daemon.dockerOk(["import", tar, "bb"]);
  rmSync(tar);
}, 60_000);

afterAll(async () => {
  await daemon.destroy();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Writes the files of a stack into a folder of its own and returns that. */
function stack(name: string, files: Readonly<Record<string, string>> | string): string {
  const place = join(folder, name);
  const all = typeof files === "string" ? { "compose.yaml": files } : files;
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    writeFileSync(join(place, file), text);
  }
  return place;
}

async function virga(...args: string[]) {
  return await daemon.virga(args);
}

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await virga(...args);
  if (exitCode !== 0) throw new Error(`virga ${args.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

/** Container ids by name. */
async function containers(project: string): Promise<Record<string, string>> {
  const format = "{{.Names}} {{.ID}}";
  const filter = `label=com.docker.compose.project=${project}`;
  const text = await daemon.dockerOk(["ps", "-a", "--filter", filter, "--format", format]);
  const pairs = text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" ") as [string, string]);
  return Object.fromEntries(pairs.toSorted(([a], [b]) => a.localeCompare(b)));
}

const exec = (container: string, ...command: string[]) => daemon.dockerOk(["exec", container, ...command]);

/** A container that ends at once when it is told to. */
const idle = "init: true, command: sleep 1000";

describe("what is wrong is said before anything is changed", () => {
  test("every problem of a file at once, with its place; exit code 2", async () => {
    const place = stack(
      "wrong",
      `services:
  web:
    image: bb
    enviroment: {A: 1}
    mem_limit: 12 potatoes
    blkio_config: {weight: 300}
    depends_on: [dbb]
  db:
    image: \${NO_SUCH_NAME:?say which}
`,
    );
    for (const command of ["up", "plan", "config"]) {
      const { exitCode, stdout, stderr } = await virga(command, place);
      expect(exitCode).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toBe(`virga: 5 problems:
compose.yaml:4:5: services.web: unknown key 'enviroment' – did you mean 'environment'?
compose.yaml:5:16: services.web.mem_limit: '12 potatoes' found, expected a size such as 512m, 1gb or a number of bytes
compose.yaml:6:5: services.web.blkio_config: 'blkio_config' is not supported: limits on block devices are not there
compose.yaml:7:18: services.web.depends_on.dbb: there is no service 'dbb' – did you mean 'db'?
compose.yaml:9:12: services.db.image: the variable NO_SUCH_NAME must be set: say which
  next: nothing was changed; mend the file and run the command again (docs/stacks.md lists the keys)
`);
    }
    expect(await containers("wrong")).toEqual({});
    expect(await daemon.dockerOk(["network", "ls", "-q", "--filter", "name=wrong"])).toBe("");
  });

  test.each([
    [["up", "/nowhere"], "there is no file or folder /nowhere"],
    [["up", "nowhere"], "there is no file or folder nowhere"],
    [["up", "EMPTY"], "no Compose file in"],
    [["up", "NOTHING"], "'services' is missing"],
    [["up", "SMALL", "wbe"], "no such service: wbe – did you mean 'web'?"],
    [["up", "SMALL", "--scale", "wbe=2"], "no such service: wbe – did you mean 'web'?"],
    [["up", "SMALL", "--biuld"], "there is no option '--biuld' – did you mean '--build'?"],
    [["upp", "SMALL"], "there is no command 'upp' – did you mean 'up'?"],
    [["down", "-p", "one", "other"], "two stacks are named"],
  ])("virga %p", async (args, message) => {
    const places: Record<string, string> = {
      EMPTY: stack("empty", { README: "" }),
      NOTHING: stack("nothing", "volumes: {a: {}}\n"),
      SMALL: stack("small", `services: {web: {image: bb, ${idle}}}\n`),
    };
    const { exitCode, stdout, stderr } = await virga(...args.map((arg) => places[arg] ?? arg));
    expect(stderr).toContain(message);
    expect([exitCode, stdout]).toEqual([2, ""]);
  });
});

describe("up, and up again", () => {
  const file = (environment: string, extra = "") => `services:
  web:
    image: bb
    command: httpd -f -p 80 -h /www
    init: true
    environment: {COLOUR: ${environment}}
    ports: ["127.0.0.1:18311:80"]
    volumes: [/data]
    depends_on: {app: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}
  app: {image: bb, ${idle}, healthcheck: {test: "true", interval: 200ms}}
  migrate: {image: bb, command: sh -c 'echo migrated'}
${extra}`;

  test("in a pipe: one line for each thing worth a line; the table, then the URL on stdout", async () => {
    const place = stack("site", file("red"));
    expect(await ok("plan", place)).toContain("create container site-web-1");
    const { exitCode, stdout, stderr } = await virga("up", place);
    expect([
      exitCode,
      stderr
        .split("\n")
        .filter((line) => !line.includes("Waiting"))
        .toSorted(),
    ]).toEqual([
      0,
      [
        "",
        "network site_default: Created",
        "service app: Healthy",
        "service migrate: Ended successfully",
        "service web: Running",
      ],
    ]);
    expect(stdout.replaceAll(/ +/g, " ")).toBe(`SERVICE CONTAINER STATE PORTS
app site-app-1 running (healthy)
migrate site-migrate-1 exited (0)
web site-web-1 running 127.0.0.1:18311->80/tcp

 http://127.0.0.1:18311
`);
    expect(await (await fetch("http://127.0.0.1:18311/")).text()).toBe("ok\n");
    const status = JSON.parse(await ok("ps", "--json", place)) as { services: { service: string }[] };
    expect(status.services.map((one) => one.service)).toEqual(["app", "migrate", "web"]);
    expect(await ok("stacks")).toMatch(/^site +3 +2$/m);
    expect(await ok("ps")).toMatch(/^site-web-1 .* site$/m);
  });

  test("a changed environment replaces that one container; its anonymous volume goes with it", async () => {
    const before = await containers("site");
    await exec("site-web-1", "sh", "-c", "echo kept >/data/file");
    const place = stack("site", file("blue"));
    const plan = (await ok("plan", place)).split("\n");
    expect(plan[0]).toContain("site-migrate-1");
    expect(plan).toContain(
      "replace container site-web-1, which stops for a moment (its configuration has changed)",
    );
    await ok("up", place);
    const after = await containers("site");
    expect(after["site-web-1"]).not.toBe(before["site-web-1"]!);
    expect({ ...after, "site-web-1": "" }).toEqual({ ...before, "site-web-1": "" });
    expect(await exec("site-web-1", "sh", "-c", "echo $COLOUR; cat /data/file")).toBe("blue\nkept");
  });

  test("another image or another port replaces only the container that has it", async () => {
    await daemon.dockerOk(["tag", "bb", "bb:second"]);
    const before = await containers("site");
    await ok("up", stack("site", file("blue").replace("18311", "18313")));
    const moved = await containers("site");
    expect(await (await fetch("http://127.0.0.1:18313/")).text()).toBe("ok\n");
    expect(fetch("http://127.0.0.1:18311/")).rejects.toThrow();
    expect({ ...moved, "site-web-1": "" }).toEqual({ ...before, "site-web-1": "" });
    expect(moved["site-web-1"]).not.toBe(before["site-web-1"]);
    await ok("up", stack("site", file("blue").replace("app: {image: bb", "app: {image: 'bb:second'")));
    const other = await containers("site");
    expect(other["site-app-1"]).not.toBe(moved["site-app-1"]);
    expect(await exec("site-web-1", "cat", "/data/file")).toBe("kept");
    await ok("up", stack("site", file("blue")));
  });

  test("one service alone, all anew, more and fewer of one", async () => {
    const place = join(folder, "site");
    const before = await containers("site");
    await ok("up", place, "app", "--force-recreate");
    const one = await containers("site");
    expect(one["site-app-1"]).not.toBe(before["site-app-1"]);
    expect(one["site-web-1"]).toBe(before["site-web-1"]);
    await ok("up", place, "--scale", "app=3");
    const more = await containers("site");
    expect(Object.keys(more)).toEqual(
      ["app-1", "app-2", "app-3", "migrate-1", "web-1"].map((name) => `site-${name}`),
    );
    expect(more["site-app-1"]).toBe(one["site-app-1"]);
    await ok("up", place);
    expect(await containers("site")).toEqual(one);
  });

  test("a service that has left the file is told of, and goes with --remove-orphans", async () => {
    const place = stack("site", file("blue", `  extra: {image: bb, ${idle}}\n`));
    await ok("up", place);
    stack("site", file("blue"));
    const { stderr } = await virga("up", place);
    expect(stderr).toMatch(/^warning: .*site-extra-1.*--remove-orphans/m);
    expect(stderr.match(/site-extra-1/g)).toHaveLength(1);
    expect(Object.keys(await containers("site"))).toContain("site-extra-1");
    await ok("up", place, "--remove-orphans");
    expect(Object.keys(await containers("site"))).not.toContain("site-extra-1");
  });

  test("down by name when the files are gone; volumes go when asked", async () => {
    rmSync(join(folder, "site"), { recursive: true });
    const volumes = async () => (await daemon.dockerOk(["volume", "ls", "-q"])).split("\n").filter(Boolean);
    expect(await volumes()).toHaveLength(1);
    const { exitCode, stderr } = await virga("down", "-p", "site", "--volumes");
    expect(exitCode, stderr).toBe(0);
    expect(await containers("site")).toEqual({});
    expect(await volumes()).toEqual([]);
    expect((await virga("down", "-p", "site")).stderr).toBe("stack site: Nothing of it is there\n");
  });
});

test("env files, variables, profiles, secrets and configs for a user who is not root", async () => {
  const place = stack("settings", {
    ".env": "TAG=latest\nGREETING=from dotenv\n",
    "web.env": "FROM_FILE='quoted # text'\nOVER=file\n",
    "token.txt": "s3cret",
    "compose.yaml": `services:
  web:
    image: bb:$TAG
    init: true
    user: "1000:1000"
    command: sleep 1000
    env_file: [web.env, {path: missing.env, required: false}]
    environment: {OVER: map, GREETING: "\${GREETING}, \${SHELL_SET:-not set}"}
    secrets: [token, {source: token, target: /run/private, uid: "1000", gid: "1000", mode: 0400}]
    configs: [{source: page, target: /etc/page.conf}]
    restart: unless-stopped
  debug: {image: bb, ${idle}, profiles: [debug]}
secrets: {token: {file: token.txt}}
configs: {page: {content: "greeting=\${GREETING}\\n"}}
`,
  });
  const result = await daemon.virga(["up", place], { env: { SHELL_SET: "from the shell" } });
  expect(result.exitCode, result.stderr).toBe(0);
  const script = `echo "$FROM_FILE|$OVER|$GREETING"; cat /run/secrets/token; echo; cat /run/private; echo
    cat /etc/page.conf; stat -c '%a %u:%g' /run/secrets/token /run/private`;
  expect(await exec("settings-web-1", "sh", "-c", script)).toBe(
    "quoted # text|map|from dotenv, from the shell\ns3cret\ns3cret\ngreeting=from dotenv\n444 0:0\n400 1000:1000",
  );
  const policy = ["inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", "settings-web-1"];
  expect(await daemon.dockerOk(policy)).toBe("unless-stopped");
  expect(Object.keys(await containers("settings"))).toEqual(["settings-web-1"]);
  await ok("up", place, "--profile", "debug");
  expect(Object.keys(await containers("settings"))).toEqual(["settings-debug-1", "settings-web-1"]);
  await ok("down", place);
});

test("two stacks with services of one name do not see each other", async () => {
  const file = `services:
  web: {image: bb, init: true, command: "sh -c 'hostname -i >/www/index.html; exec httpd -f -p 80 -h /www'"}
  client: {image: bb, ${idle}}
`;
  const places = ["left", "right"].map((name) => stack(name, file));
  await Promise.all(places.map((place) => ok("up", place)));
  const pages = await Promise.all(
    ["left", "right"].map((name) => exec(`${name}-client-1`, "wget", "-qO-", "http://web")),
  );
  expect(pages[0]).not.toBe(pages[1]!);
  await ok("down", places[0]!);
  expect(await exec("right-client-1", "wget", "-qO-", "http://web")).toBe(pages[1]!);
  await ok("down", places[1]!);
});

describe("what goes wrong on the way", () => {
  test("a build step that fails: its output, its exit code, what to do; without repeats", async () => {
    const place = stack("build", {
      "compose.yaml": "services: {web: {build: .}}\n",
      Dockerfile: "FROM bb\nRUN echo starting; \\\n  echo no rule to make it >&2; \\\n  exit 7\n",
    });
    const { exitCode, stdout, stderr } = await virga("up", place);
    expect([exitCode, stdout]).toEqual([1, ""]);
    const lines = stderr.split("\n");
    expect(lines).toContain("image build-web | no rule to make it");
    expect(lines).toContain("image build-web: Failed");
    expect(lines).toContain(
      "virga: image build-web: step 2/2, RUN echo starting; echo no rule to make it >&2; exit 7, ended with exit code 7",
    );
    expect(lines.at(-2)).toStartWith("  next: ");
    writeFileSync(join(place, "Dockerfile"), 'FROM bb\nCMD ["sleep", "1000"]\n');
    await ok("up", place);
    await ok("down", "-t", "0", "--rmi", "local", place);
    expect(await daemon.dockerOk(["images", "-q", "build-web"])).toBe("");
  });

  test("a port that is taken, a program that is not there", async () => {
    const place = stack("port", `services: {web: {image: bb, ${idle}, ports: ["18312:80"]}}\n`);
    using server = Bun.serve({ port: 18312, fetch: () => new Response("taken") });
    const { exitCode, stderr } = await virga("up", place);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("service web: Bind for 0.0.0.0:18312 failed: port is already allocated");
    expect(await ok("ps", place)).toContain("created (could not start)");
    await server.stop(true);
    await ok("up", place);
    await ok("down", place);
    const absent = await virga("up", stack("absent", "services: {web: {image: bb, command: nothere}}\n"));
    expect(absent.exitCode).toBe(1);
    expect(absent.stderr).toContain('exec: "nothere": executable file not found in $PATH');
    await ok("down", "-p", "absent");
  });

  test("a dependency that is unhealthy or ends badly: its words, and nothing after it is started", async () => {
    const sick = stack(
      "sick",
      `services:
  db: {image: bb, ${idle}, healthcheck: {test: "echo no route to disk; exit 3", interval: 100ms, retries: 2}}
  web: {image: bb, ${idle}, depends_on: {db: {condition: service_healthy}}}
`,
    );
    const unhealthy = await virga("up", sick);
    expect(unhealthy.exitCode).toBe(1);
    expect(unhealthy.stderr).toContain("service web: Not reached\n");
    expect(unhealthy.stderr).toEndWith(`\
virga: dependency failed to start: container sick-db-1 is unhealthy; its check ended with exit code 3:
no route to disk
  next: look at its output: virga logs -p sick db
`);
    expect(Object.keys(await containers("sick"))).toEqual(["sick-db-1"]);
    await ok("down", sick);
    const bad = stack(
      "bad",
      `services:
  migrate: {image: bb, command: sh -c 'echo table is missing >&2; exit 4'}
  web: {image: bb, ${idle}, depends_on: {migrate: {condition: service_completed_successfully}}}
`,
    );
    const ended = await virga("up", bad);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toEndWith(`\
virga: dependency failed to start: container bad-migrate-1 ended with exit code 4; its last output:
table is missing
  next: look at its output: virga logs -p bad migrate
`);
    await ok("down", bad);
  });

  test("a daemon that is killed in the middle of up: up again goes on, with nothing twice", async () => {
    const services = Array.from({ length: 6 }, (_, i) => `  s${i}: {image: bb, ${idle}}\n`).join("");
    const slow = `  slow: {image: bb, ${idle}, healthcheck: {test: "test -e /tmp/go", interval: 200ms, retries: 1000}}
  last: {image: bb, ${idle}, depends_on: {slow: {condition: service_healthy}}}
`;
    const place = stack("killed", `services:\n${services}${slow}`);
    const running = virga("up", place);
    while (!("killed-slow-1" in (await containers("killed")))) await Bun.sleep(20);
    await daemon.crash();
    const { exitCode, stderr } = await running;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/virga: the daemon .*\n {2}next: /);
    await daemon.start();
    const again = virga("up", place);
    await Bun.sleep(300);
    for (let turn = 0; turn < 50; turn++) {
      if ((await daemon.docker(["exec", "killed-slow-1", "touch", "/tmp/go"])).exitCode === 0) break;
      await Bun.sleep(100);
    }
    const second = await again;
    expect(second.exitCode, second.stderr).toBe(0);
    const names = ["last", ...Array.from({ length: 6 }, (_, i) => `s${i}`), "slow"];
    expect(Object.keys(await containers("killed"))).toEqual(names.map((name) => `killed-${name}-1`));
    await ok("down", place);
  });
});

test("a second up of a stack says that it waits for the first, and can be cancelled", async () => {
  const slow = `{image: bb, ${idle}, healthcheck: {test: "test -e /tmp/go", interval: 200ms, retries: 1000}}`;
  const place = stack("twice", `services:\n  web: ${slow}\n`);
  const first = virga("up", place);
  while (!("twice-web-1" in (await containers("twice")))) await Bun.sleep(20);
  const second = onTerminal([...daemon.program, "up", place], daemon);
  await second.see("stack twice  Waiting for another command that changes it");
  second.type("\u0003");
  expect(await second.exited).toBe(130);
  const third = virga("up", place);
  await exec("twice-web-1", "touch", "/tmp/go");
  const codes = (await Promise.all([first, third])).map((one) => one.exitCode);
  expect(codes).toEqual([0, 0]);
  await ok("down", place);
});

describe("logs", () => {
  const place = () =>
    stack(
      "talk",
      `services:
  one: {image: bb, init: true, command: "sh -c 'for i in 1 2 3; do echo one $$i; done; sleep 1000'"}
  other: {image: bb, init: true, command: "sh -c 'echo other >&2; sleep 1000'"}
`,
    );

  test("by folder, file or name; some lines, with times; a name that is none", async () => {
    await ok("up", place());
    expect((await ok("logs", place())).split("\n").toSorted()).toEqual([
      "",
      "one-1   | one 1",
      "one-1   | one 2",
      "one-1   | one 3",
      "other-1 | other",
    ]);
    expect(await ok("logs", "--file", join(place(), "compose.yaml"), "one", "--tail", "1")).toBe(
      "one-1 | one 3\n",
    );
    expect(await ok("logs", "-p", "talk", "-t", "-n", "1", "one")).toMatch(/^one-1 \| \d{4}-\S+Z one 3\n$/);
    expect(await ok("logs", "talk", "--no-log-prefix", "other")).toBe("other\n");
    expect(await ok("logs", "talk", "--since", "1h", "other")).toBe("other-1 | other\n");
    expect(await ok("logs", "talk", "--until", "1h")).toBe("");
    const wrong = await virga("logs", place(), "oen");
    expect([wrong.exitCode, wrong.stderr.split("\n")[0]]).toEqual([
      2,
      "virga: no such service: oen – did you mean 'one'?",
    ]);
  });

  test("in its folder: a service of the stack in this folder, a container, another stack; ps wants a dot", async () => {
    const here = (...args: string[]) => daemon.virga(args, { cwd: place() });
    expect((await here("logs", "-n", "1", "one")).stdout).toBe("one-1 | one 3\n");
    expect((await here("logs", "-n", "1", "talk-one-1")).stdout).toBe("one 3\n");
    expect((await here("ps", ".")).stdout).toMatch(/^one +talk-one-1 +running/m);
    expect((await here("ps")).stdout).toMatch(/^talk-one-1 .* talk$/m);
    expect((await daemon.virga(["logs", "talk", "other", "--no-log-prefix"], { cwd: "/" })).stdout).toBe(
      "other\n",
    );
    const wrong = await daemon.virga(["logs", "one"], { cwd: "/" });
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      1,
      expect.stringContaining("did you mean 'talk-one-1'?"),
    ]);
  });

  test("-f follows, also what is started later; Ctrl-C ends it with 130", async () => {
    const session = onTerminal([...daemon.program, "logs", place(), "-f", "one"], daemon);
    await session.see("one 3");
    // Silence for longer than a server waits by default.
    await Bun.sleep(13_000);
    const from = session.text.length;
    await daemon.dockerOk(["restart", "-t", "0", "talk-one-1"]);
    await session.see("one 3", from);
    session.type("\u0003");
    expect(await session.exited).toBe(130);
    expect(session.text).not.toContain("other");
    await ok("down", place());
  });
});

describe("on a terminal", () => {
  test("up draws in place, no line is wider than the screen, and the end stays readable", async () => {
    const place = stack("live", {
      "compose.yaml": "services: {web: {build: ., init: true, command: sleep 1000}}\n",
      Dockerfile: `FROM bb
RUN echo ${"a long instruction ".repeat(10)} && \\
    printf '\\033[31mred \\033[2J%s\\n' "${"words of output ".repeat(10)}" && sleep 1
`,
    });
    const session = onTerminal([...daemon.program, "up", place], { ...daemon, columns: 60 });
    await session.see("words of output");
    await session.exited;
    const drawn = session.text.split(/[\r\n]+/);
    expect(drawn.filter((line) => Bun.stringWidth(line) > 60)).toEqual([]);
    expect(drawn.some((line) => /^. image live-web {2}█+░* 2\/2 {2}RUN echo a long.*…/.test(line))).toBe(
      true,
    );
    // What a build writes cannot clear the screen.
    expect(session.raw).not.toContain("\u001B[2J");
    const end = drawn.slice(drawn.findLastIndex((line) => line.startsWith("✔ image live-web")));
    expect(end.map((line) => line.replace(/ {2}\d+ s$/, "").replaceAll(/ +/g, " "))).toEqual([
      "✔ image live-web Built",
      "✔ network live_default Created",
      "✔ service web Running",
      "SERVICE CONTAINER STATE PORTS",
      "web live-web-1 running",
      "",
    ]);
    await ok("down", place);
  });

  test("Ctrl-C cancels, cleans up and says what is left; exit code 130", async () => {
    const place = stack("cancel", {
      "compose.yaml": "services: {web: {build: .}}\n",
      Dockerfile: "FROM bb\nRUN echo begun && sleep 1000\n",
    });
    const session = onTerminal([...daemon.program, "up", place], daemon);
    await session.see("begun");
    session.type("\u0003");
    expect(await session.exited).toBe(130);
    expect(session.text).toContain("– image cancel-web  Given up");
    expect(session.text).toContain("virga: cancelled");
    expect(await containers("cancel")).toEqual({});
    expect(existsSync(place)).toBe(true);
  });

  test("docker run -it: the screen's size, detach, attach again, the exit code", async () => {
    const docker = (...args: string[]) => onTerminal(["docker", ...args], daemon);
    const first = docker("run", "-it", "--name", "shell", "bb", "sh");
    await first.see("/ # ");
    first.type("stty size\n");
    await first.see("24 80");
    first.resize(100, 30);
    await Bun.sleep(200);
    first.type("stty size\n");
    await first.see("30 100");
    first.type("\u0003");
    first.type("echo after $?\n");
    await first.see("after 130");
    first.type("\u0010\u0011");
    expect(await first.exited).toBe(0);
    const second = docker("attach", "shell");
    await Bun.sleep(200);
    second.type("echo $((40 + 2))\n");
    await second.see("42");
    second.type("exit 7\n");
    expect(await second.exited).toBe(7);
    await daemon.dockerOk(["rm", "shell"]);
  });
});
