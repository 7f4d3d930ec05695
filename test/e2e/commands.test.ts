import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../../src/host/index.ts";
import { busyboxTar, eventually, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { holdings } from "../support/holdings.ts";
import { startDockerRegistry } from "../support/registries.ts";
import { onTerminal } from "../support/terminal.ts";

/** virga's own commands, used as a person uses them. */
let daemon: TestDaemon;
let folder: string;
let before: string[];

beforeAll(async () => {
  daemon = await startDaemon();
  folder = mkdtempSync("/tmp/virga-commands-");
  const tar = await busyboxTar();
  await ok("import", "--change", "ENV PATH=/bin", "--change", 'CMD ["sh"]', tar, "box:1");
  rmSync(tar);
  // The first container brings what the daemon then keeps: bridge, DNS.
  await ok("run", "--rm", "box:1", "true");
  before = await held();
});

/**
 * Layers have short names of their own, which are made up anew when one comes back; an image that comes back may bring
 * its layer in other bytes.
 */
const held = async () =>
  (await holdings(daemon))
    .filter((line) => !line.startsWith("layers/dirs/"))
    .map((line) => line.replace(/^content\/blobs\/sha256\/\w+$/, "a blob"))
    .toSorted();

afterAll(async () => {
  const after = await held();
  rmSync(folder, { recursive: true });
  await daemon.destroy();
  expect(after).toEqual(before);
}, 60_000);

const virga = (...args: string[]) => daemon.virga(args);

async function ok(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await virga(...args);
  if (exitCode !== 0) throw new Error(`virga ${args.join(" ")}: exit code ${exitCode}\n${stdout}${stderr}`);
  return stdout.replace(/\n$/, "");
}

const json = async (...args: string[]): Promise<unknown> => JSON.parse(await ok(...args));

/** A shell script in which `virga` is this program, with this daemon. */
async function shell(script: string) {
  const program = join(folder, "bin/virga");
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(program, `#!/bin/sh\nexec ${daemon.program.join(" ")} "$@"\n`);
  chmodSync(program, 0o755);
  return await run(["bash", "-c", script], {
    cwd: folder,
    env: { ...daemon.environment, PATH: `${folder}/bin:${process.env["PATH"]}` },
  });
}

const terminal = (...args: string[]) => onTerminal([...daemon.program, ...args], daemon);

describe("run", () => {
  test.each([
    [["run", "--rm", "box:1", "sh", "-c", "exit 7"], 7, ""],
    [["run", "--rm", "--init", "box:1", "sh", "-c", "kill -9 $$"], 137, ""],
    [["run", "--rm", "box:1", "nonsense"], 127, 'exec: "nonsense": executable file not found in $PATH'],
    [["run", "--rm", "box:1", "/etc/passwd"], 126, "permission denied"],
    [
      ["run", "--rm", "--pull", "never", "bix:1", "true"],
      125,
      "no such image 'bix:1' – did you mean 'box:1'?",
    ],
    [["run", "--rm", "--memory", "lots", "box:1"], 125, "--memory takes a size such as 512m, not 'lots'"],
    [["run", "--rm", "--nam", "x", "box:1"], 125, "there is no option '--nam' – did you mean '--name'?"],
    [["run", "--rm", "-t", "-i", "box:1", "true"], 125, "-t wants a terminal on stdin"],
    [["run"], 125, "an argument is missing"],
  ])("%p ends with %p", async (args, code, message) => {
    const { exitCode, stderr } = await virga(...args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
  });

  test("what it writes, and what it is given", async () => {
    const script = 'echo out; echo err >&2; echo "$A $B"; id -u; pwd; hostname';
    const { stdout, stderr } = await virga(
      ...[
        "run",
        "--rm",
        "-e",
        "A=1",
        "-e",
        "B=two words",
        "-u",
        "1000",
        "-w",
        "/tmp",
        "-h",
        "named",
        "box:1",
      ],
      ...["sh", "-c", script],
    );
    expect([stdout, stderr]).toEqual(["out\n1 two words\n1000\n/tmp\nnamed\n", "err\n"]);
  });

  test("200 MB of binary data go through as they are, both ways", async () => {
    await run(["sh", "-c", `head -c 209715200 /dev/urandom > ${folder}/big`]);
    const { stdout, exitCode } = await shell("virga run -i --rm box:1 cat < big | sha256sum");
    const digest = createHash("sha256")
      .update(readFileSync(join(folder, "big")))
      .digest("hex");
    expect([exitCode, stdout]).toEqual([0, `${digest}  -\n`]);
    rmSync(join(folder, "big"));
  }, 120_000);

  test("a reader that goes away ends it; a container that reads nothing is no error", async () => {
    const piped = await shell("virga run --rm --name endless box:1 yes | head -n 1; echo ${PIPESTATUS[0]}");
    expect(piped.stdout).toBe("y\n141\n");
    await ok("kill", "endless");
    const unread = await shell("head -c 5000000 /dev/zero | virga run -i --rm box:1 true; echo $?");
    expect(unread.stdout).toBe("0\n");
    await eventually("both are gone", async () => (await ok("ps", "-q")) === "");
  });

  test("-d prints the id; --rm takes it away when it has ended; --cidfile and --name", async () => {
    const id = await ok(
      "run",
      "-d",
      "--rm",
      "--name",
      "short",
      "--cidfile",
      join(folder, "cid"),
      "box:1",
      "sleep",
      "1000",
    );
    expect(readFileSync(join(folder, "cid"), "utf8")).toBe(id);
    expect(await ok("ps", "-q", "--no-trunc")).toBe(id);
    const again = await virga("run", "-d", "--name", "short", "box:1");
    expect([again.exitCode, again.stderr.split("\n")[0]]).toEqual([125, expect.stringContaining("short")]);
    await ok("kill", "short");
    await eventually("it is removed", async () => (await ok("ps", "-aq")) === "");
  });

  test("Ctrl-C reaches the program through the client, and its exit code comes back", async () => {
    const script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done";
    const session = terminal("run", "--rm", "box:1", "sh", "-c", script);
    await session.see("ready");
    session.type("\u0003");
    await session.see("caught");
    expect(await session.exited).toBe(3);
  });

  test("a killed client leaves the container to itself", async () => {
    const session = terminal("run", "--rm", "--name", "alone", "box:1", "sh", "-c", "echo up; sleep 1000");
    await session.see("up");
    session.kill();
    await session.exited;
    expect(await ok("ps", "--filter", "name=alone", "-q")).not.toBe("");
    await ok("rm", "-f", "alone");
  });

  test("-it: the screen's size, also when it changes; detach, attach again, the exit code", async () => {
    const first = terminal("run", "-it", "--name", "shell", "box:1", "sh");
    await first.see("/ # ");
    first.type("stty size\n");
    await first.see("24 80");
    first.resize(100, 30);
    first.type("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; echo resi''zed\n");
    await first.see("resized");
    first.type("\u0003");
    first.type("echo after $?\n");
    await first.see("after 130");
    first.type("\u0010\u0011");
    expect(await first.exited).toBe(0);
    const second = terminal("attach", "shell");
    second.type("echo $((40 + 2))\n");
    await second.see("42");
    second.type("exit 7\n");
    expect(await second.exited).toBe(7);
    const third = terminal("start", "-ai", "shell");
    await third.see("/ # ");
    third.type("exit 5\n");
    expect(await third.exited).toBe(5);
    await ok("rm", "shell");
  });
});

describe("with a running container", () => {
  beforeAll(async () => {
    await ok("network", "create", "--subnet", "10.98.7.0/24", "front");
    await ok("volume", "create", "data");
    await ok(
      ...["run", "-d", "--name", "web", "--network", "front", "--network-alias", "www", "-v", "data:/data"],
      ...["-p", "127.0.0.1:18391:80", "-l", "stage=test", "--init", "box:1"],
      ...["sh", "-c", "echo one; echo two >&2; exec httpd -f -p 80 -h /www"],
    );
  });
  afterAll(async () => {
    await ok("rm", "-f", "web");
    await ok("network", "rm", "front");
    await ok("volume", "rm", "data");
  });

  test("exec: output, input, exit codes", async () => {
    expect(await ok("exec", "web", "cat", "/www/index.html")).toBe("ok");
    expect((await shell("printf abc | virga exec -i web tr a-c x-z")).stdout).toBe("xyz");
    expect((await virga("exec", "web", "sh", "-c", "exit 9")).exitCode).toBe(9);
    expect((await virga("exec", "web", "nonsense")).exitCode).toBe(127);
    expect(
      await ok("exec", "-e", "A=b", "-w", "/tmp", "-u", "1000", "web", "sh", "-c", "echo $A $PWD $(id -u)"),
    ).toBe("b /tmp 1000");
    const session = terminal("exec", "-it", "web", "sh");
    await session.see("/ # ");
    session.type("exit 4\n");
    expect(await session.exited).toBe(4);
    const wrong = await virga("exec", "wbe", "true");
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      1,
      "virga: no such container 'wbe' – did you mean 'web'?\n  next: virga ps -a\n",
    ]);
  });

  test("every list has a table, names alone, and JSON", async () => {
    const [row] = (await json("ps", "--json")) as { Names: string[]; State: string }[];
    expect(row).toMatchObject({ Names: ["/web"], State: "running" });
    expect(await ok("ps")).toMatch(/^web +[0-9a-f]{12} +box:1 .* 127\.0\.0\.1:18391->80\/tcp$/m);
    expect(await ok("ps", "--filter", "label=stage=live", "-q")).toBe("");
    expect(await json("images", "--json")).toMatchObject([{ RepoTags: ["box:1"] }]);
    expect(await ok("images")).toMatch(/^box:1 +[0-9a-f]{12} +.* MB$/m);
    expect((await ok("network", "ls", "-q")).split("\n")).toContain("front");
    expect(await ok("network", "ls")).toMatch(/^front .* bridge +10\.98\.7\.0\/24$/m);
    expect(await json("volume", "ls", "--json")).toMatchObject([{ Name: "data" }]);
    expect(await json("history", "--json", "box:1")).toHaveLength(1);
    expect(await json("port", "--json", "web")).toEqual([
      { port: "80/tcp", hostIp: "127.0.0.1", hostPort: 18391 },
    ]);
    expect(await ok("port", "web", "80")).toBe("127.0.0.1:18391");
    expect(await ok("top", "web")).toContain("httpd -f -p 80");
    expect(await json("top", "--json", "web")).toBeArray();
    expect(await json("stats", "--no-stream", "--json", "web")).toMatchObject({
      name: "web",
      processes: expect.any(Number),
    });
    expect(await ok("stats", "--no-stream")).toMatch(/^web +[0-9a-f]{12} +[\d.]+ % /m);
    expect(await json("system", "df", "--json")).toHaveProperty("LayersSize");
    expect(await ok("system", "df")).toMatch(/^containers +1 +1 /m);
    expect(await json("system", "info", "--json")).toMatchObject({ ContainersRunning: 1 });
    expect(await json("prune", "--plan", "--json")).toEqual({ planned: true, items: [], bytes: 0 });
    expect(await json("inspect", "web")).toMatchObject([{ Name: "/web" }]);
    expect(await json("inspect", "box:1")).toMatchObject([{ RepoTags: ["box:1"] }]);
    expect(await json("inspect", "--type", "network", "front")).toMatchObject([{ Name: "front" }]);
    expect(await json("volume", "inspect", "data")).toMatchObject([{ Name: "data" }]);
    const unknown = await virga("inspect", "nothing-like-it");
    expect([unknown.exitCode, unknown.stdout]).toEqual([1, "[]\n"]);
  });

  test("logs: stdout and stderr apart, JSON lines, the end alone", async () => {
    const { stdout, stderr } = await virga("logs", "web");
    expect([stdout, stderr]).toEqual(["one\n", "two\n"]);
    const lines = (await ok("logs", "--json", "web")).split("\n").map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual({
      container: "web",
      stream: "stderr",
      time: expect.any(String),
      text: "two",
    });
    expect((await virga("logs", "-n", "0", "web")).stdout).toBe("");
    const session = terminal("logs", "-f", "web");
    await session.see("two");
    session.type("\u0003");
    expect(await session.exited).toBe(130);
  });

  test("cp in and out: files, folders, the content of folders, archives, links, modes", async () => {
    mkdirSync(join(folder, "tree/sub"), { recursive: true });
    writeFileSync(join(folder, "tree/a, b&c"), "one");
    writeFileSync(join(folder, "tree/sub/run"), "two", { mode: 0o755 });
    symlinkSync("a, b&c", join(folder, "tree/link"));
    const inside = async (...command: string[]) => await ok("exec", "web", ...command);
    await ok("cp", join(folder, "tree"), "web:/data");
    expect(await inside("cat", "/data/tree/a, b&c")).toBe("one");
    expect(await inside("readlink", "/data/tree/link")).toBe("a, b&c");
    expect(await inside("stat", "-c", "%a", "/data/tree/sub/run")).toBe("755");
    await ok("cp", join(folder, "tree"), "web:/data/renamed");
    expect(await inside("cat", "/data/renamed/sub/run")).toBe("two");
    await ok("cp", `${folder}/tree/.`, "web:/tmp");
    expect(await inside("cat", "/tmp/sub/run")).toBe("two");
    await ok("cp", join(folder, "tree/a, b&c"), "web:/tmp/x.,&y");
    expect(await inside("cat", "/tmp/x.,&y")).toBe("one");
    await ok("cp", "-L", join(folder, "tree/link"), "web:/tmp/followed");
    expect(await inside("cat", "/tmp/followed")).toBe("one");

    await ok("cp", "web:/data/tree", join(folder, "out"));
    expect(readFileSync(join(folder, "out/sub/run"), "utf8")).toBe("two");
    await ok("cp", "web:/data/tree", join(folder, "out"));
    expect(readFileSync(join(folder, "out/tree/a, b&c"), "utf8")).toBe("one");
    await ok("cp", "web:/data/tree/.", join(folder, "content"));
    expect(readFileSync(join(folder, "content/a, b&c"), "utf8")).toBe("one");
    await ok("cp", "web:/data/tree/sub/run", join(folder, "single"));
    expect(readFileSync(join(folder, "single"), "utf8")).toBe("two");
    expect((await shell("virga cp web:/data/tree/sub - | tar -t")).stdout).toBe("sub/\nsub/run\n");
    expect((await shell("tar -cC tree . | virga cp - web:/www && virga exec web ls /www")).stdout).toContain(
      "sub",
    );

    for (const [args, message] of [
      [["web:/nothing", folder], "there is no web:/nothing"],
      [[join(folder, "none"), "web:/tmp"], "there is no file or folder"],
      [["web:/a", "web:/b"], "both are in a container"],
      [[join(folder, "single"), "web:/none/"], "there is no folder web:/none/"],
      [["wbe:/a", folder], "no such container 'wbe' – did you mean 'web'?"],
      [[join(folder, "tree"), "web:/www/index.html"], "is a file, and"],
    ] as const) {
      const { exitCode, stderr } = await virga("cp", ...args);
      expect(stderr).toContain(message);
      expect(exitCode).not.toBe(0);
    }
  });

  test("pause, rename, networks, diff, export, commit, tag, save, load, rmi", async () => {
    expect(await ok("pause", "web")).toBe("web");
    expect(await json("unpause", "--json", "web")).toEqual(["web"]);
    expect(await ok("pause", "web")).toBe("web");
    expect(await ok("ps")).toContain("(Paused)");
    await ok("unpause", "web");
    expect(await json("rename", "--json", "web", "other")).toEqual({ name: "other", before: "web" });
    await ok("rename", "other", "web");
    await ok("network", "create", "back");
    await ok("network", "connect", "--alias", "hidden", "back", "web");
    expect(
      await ok("run", "--rm", "--network", "back", "box:1", "wget", "-qO-", "http://hidden/index.html"),
    ).toBe("ok");
    await ok("network", "disconnect", "back", "web");
    await ok("network", "rm", "back");
    await ok("exec", "web", "touch", "/new");
    expect((await ok("diff", "web")).split("\n")).toContain("A /new");
    expect(await json("diff", "--json", "web")).toContainEqual({ path: "/new", kind: "added" });
    expect((await shell("virga export web | tar -t new")).stdout).toBe("new\n");
    await ok("commit", "-m", "with it", "web", "with:new");
    expect(await ok("run", "--rm", "with:new", "ls", "/new")).toBe("/new");
    await ok("tag", "with:new", "with:tag");
    await ok("save", "-o", join(folder, "with.tar"), "with:new", "with:tag");
    expect(await ok("rmi", "with:new", "with:tag")).toContain("untagged with:tag");
    expect((await ok("load", "-i", join(folder, "with.tar"))).split("\n").toSorted()).toEqual([
      "with:new",
      "with:tag",
    ]);
    expect((await virga("rmi", "with:nex")).stderr).toContain("did you mean 'with:new'?");
    await ok("rmi", "with:new", "with:tag");
  });

  test("update: a plan first, nothing without a yes, then another port in its place", async () => {
    const plan = await ok("update", "--plan", "-p", "127.0.0.1:18392:80", "web");
    expect(plan).toContain("web would be ended and started again");
    expect(plan).toContain("port 80/tcp: 127.0.0.1:18391 → 127.0.0.1:18392");
    const unasked = await virga("update", "-p", "127.0.0.1:18392:80", "web");
    expect([unasked.exitCode, unasked.stderr]).toEqual([
      2,
      expect.stringContaining("next: run it again with --force"),
    ]);
    const asked = terminal("update", "-p", "127.0.0.1:18392:80", "web");
    await asked.see("Go on? [y/N]");
    asked.type("y\n");
    expect(await asked.exited).toBe(0);
    expect(await ok("port", "web", "80")).toBe("127.0.0.1:18392");
    await ok("update", "--memory", "64m", "web");
    expect(await json("inspect", "web")).toMatchObject([{ HostConfig: { Memory: 2 ** 26 } }]);
  });

  test("events as lines and as JSON", async () => {
    const since = String(Date.now() / 1000);
    await ok("exec", "web", "true");
    const until = String(Date.now() / 1000 + 0.001);
    const text = await ok("events", "--since", since, "--until", until);
    expect(text).toMatch(/ container exec_start: true web /);
    const lines = (await ok("events", "--json", "--since", since, "--until", until)).split("\n");
    expect(JSON.parse(lines[0]!)).toMatchObject({
      Type: "container",
      Actor: { Attributes: { name: "web" } },
    });
  });
});

test("stop says why a container had to be killed; wait, rm and prune", async () => {
  expect(await json("run", "-d", "--json", "--name", "deaf", "box:1", "sleep", "1000")).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const waiting = virga("wait", "deaf");
  const { stdout, stderr } = await virga("stop", "-t", "1", "deaf");
  expect(stdout).toBe("deaf\n");
  expect(stderr).toContain("has no handler for SIGTERM");
  expect(stderr).toContain("next: run it with --init");
  expect((await waiting).stdout).toBe("137\n");
  const plan = await ok("prune", "--plan");
  expect(plan).toMatch(/^container +deaf /m);
  const unasked = await virga("prune");
  expect([unasked.exitCode, unasked.stderr]).toEqual([
    2,
    expect.stringContaining("next: run it again with --force"),
  ]);
  expect(await ok("prune", "--force")).toMatch(/^container +deaf /m);
  expect(await ok("ps", "-aq")).toBe("");
  expect((await virga("rm", "deaf")).exitCode).toBe(1);
  expect(await virga("rm", "-f", "--json", "deaf")).toMatchObject({ exitCode: 0, stdout: "[]\n" });
});

test("build: from a folder, from stdin, with a step that fails", async () => {
  const place = join(folder, "image");
  mkdirSync(place);
  writeFileSync(
    join(place, "Dockerfile"),
    "FROM box:1\nARG WHO=nobody\nCOPY file /file\nRUN echo for $WHO > /who\n",
  );
  writeFileSync(join(place, "file"), "content");
  const built = await virga("build", "-t", "mine:1", "--build-arg", "WHO=me", place);
  expect(built.stderr).toContain("3/3 RUN echo for");
  expect(built.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  expect(await ok("run", "--rm", "mine:1", "cat", "/who", "/file")).toBe("for me\ncontent");
  const quiet = await virga("build", "-q", "-t", "mine:1", "--build-arg", "WHO=me", place);
  expect([quiet.stdout, quiet.stderr]).toEqual([built.stdout, ""]);
  const piped = await shell("printf 'FROM box:1\\nRUN echo hello\\n' | virga build --json -t mine:2 -");
  expect(JSON.parse(piped.stdout)).toMatchObject({ imageId: expect.stringMatching(/^sha256:/) });
  const packed = "virga build -q --build-arg WHO=me";
  for (const options of ["-c", "-cz"]) {
    const whole = await shell(`tar -C ${place} ${options} . | ${packed} -`);
    expect([whole.stdout, whole.stderr]).toEqual([built.stdout, ""]);
  }
  const damaged = await shell(`tar -C ${place} -cz . | head -c 60 | ${packed} -`);
  expect([damaged.exitCode, damaged.stderr]).toEqual([2, expect.stringContaining("cannot be unpacked")]);
  writeFileSync(join(place, "Dockerfile"), "FROM box:1\nRUN echo before && exit 9\n");
  const failed = await virga("build", place);
  expect([failed.exitCode, failed.stdout]).toEqual([2, ""]);
  expect(failed.stderr).toContain("| before");
  expect(failed.stderr).toContain("Dockerfile:2: RUN: ended with exit code 9; it wrote at last:\n  | before");
  writeFileSync(join(place, "Dockerfile"), "FROM box:1\nARG A=1\nRUN echo half > /made && exit 9\nCMD x\n");
  const debugged = await shell(`echo 'cat /made; echo A is $A' | virga build --debug ${place}`);
  expect([debugged.exitCode, debugged.stdout]).toEqual([2, "half\nA is 1\n"]);
  const checked = await virga("build", "--check", place);
  expect(checked.exitCode).toBe(1);
  expect(checked.stdout).toContain(
    "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/",
  );
  expect(checked.stdout).toContain("   4 | >>> CMD x");
  writeFileSync(
    join(place, "Dockerfile"),
    [
      "FROM box:1 AS base",
      "RUN --mount=type=secret,id=key --mount=type=secret,id=word,env=WORD cat /run/secrets/key; echo; echo $WORD",
      "RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo agent",
      "RUN --mount=from=other,target=/o cat /o/file",
      "RUN --security=insecure cat /proc/self/status | grep CapEff",
      "RUN --network=host true",
    ].join("\n"),
  );
  const refused = await virga("build", place);
  expect(refused.stderr).toContain("virga build --allow security.insecure");
  const agent = join(folder, "agent.sock");
  using _agent = Bun.listen({ unix: agent, socket: { data() {} } });
  const given = await shell(
    `WORD=hush virga build --no-cache --secret id=key,src=${place}/file --secret id=word,env=WORD ` +
      `--ssh default=${agent} --build-context other=${place} --allow security.insecure --allow network.host ${place}`,
  );
  expect(given.stderr).toMatch(/\| content.*hush\n/s);
  expect(given.stderr).toContain("| agent\n");
  expect(given.stderr).toMatch(/\| CapEff:\s+000001ff/);
  expect(given.exitCode).toBe(0);
  await ok("rmi", "mine:1", "mine:2");
  await ok("save", "-o", join(folder, "box.tar"), "box:1");
  await ok("prune", "--force", "--all");
  expect(await ok("images", "-q")).toBe("");
  expect(await ok("load", join(folder, "box.tar"))).toBe("box:1");
});

test("login, push, pull, logout: with a registry that lets in who is known", async () => {
  const htpasswd = `ada:${await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 })}`;
  await using registry = await startDockerRegistry({ htpasswd });
  const env = { HOME: folder };
  const of = (...args: string[]) => daemon.virga(args, { env });
  const image = `${registry.address}/team/box:1`;
  await ok("tag", "box:1", image);
  const unknown = await of("push", "-q", image);
  expect(unknown.exitCode).toBe(1);
  const login = `virga login -u ada --password-stdin ${registry.address}`;
  const wrong = await shell(`echo wrong | HOME=${folder} ${login}`);
  expect([wrong.exitCode, wrong.stdout]).toEqual([1, ""]);
  const right = await shell(`echo secret | HOME=${folder} ${login}`);
  expect([right.exitCode, right.stdout]).toEqual([0, "Login Succeeded\n"]);
  // docker's own file: docker is logged in too.
  const config = JSON.parse(readFileSync(join(folder, ".docker/config.json"), "utf8")) as object;
  const auth = Buffer.from("ada:secret").toString("base64");
  expect(config).toEqual({ auths: { [registry.address]: { auth } } });
  const pushed = await of("push", image);
  expect([pushed.exitCode, pushed.stdout]).toEqual([0, `${image}\n`]);
  await ok("rmi", image);
  const pulled = await of("pull", image);
  expect([pulled.exitCode, pulled.stdout]).toEqual([0, `${image}\n`]);
  expect(await daemon.virga(["run", "--rm", image, "echo", "here"], { env })).toMatchObject({
    stdout: "here\n",
  });
  await ok("rmi", image);
  expect((await of("logout", registry.address)).stdout).toContain("logged out");
  expect((await of("pull", "-q", image)).exitCode).toBe(1);
  // run gets what is missing, and says why it cannot.
  const refused = await of("run", "--rm", image, "true");
  expect(refused.exitCode).toBe(125);
  const away = await of("run", "--rm", "localhost:1/away", "true");
  expect(away.stderr).toContain("and localhost:1 can't be reached");
  expect(away.stderr).toContain("\n  next: ");
});

describe("help and mistakes", () => {
  test.each([
    [["ruun", "x"], "there is no command 'ruun' – did you mean 'run'?"],
    [["network", "lst"], "there is no command 'network lst' – did you mean 'network ls'?"],
    [["ps", "--jsn"], "there is no option '--jsn' – did you mean '--json'?"],
  ])("virga %p", async (args, message) => {
    const { exitCode, stderr } = await virga(...args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });

  test("a wrong value names the help of its own command", async () => {
    const { exitCode, stderr } = await virga("create", "--memory", "lots", "box:1");
    expect(stderr).toContain("next: virga create --help");
    expect(exitCode).toBe(125);
  });

  test("help for all, for a group, for one command; --help after the image is the container's", async () => {
    expect(await ok("--help")).toContain("Run containers:");
    expect(await ok("network")).toContain("network connect");
    expect(await ok("run", "--help")).toContain("Usage: virga run [OPTIONS] IMAGE [COMMAND] [ARGUMENT...]");
    expect(await ok("container", "run", "--help")).toContain("Usage: virga run");
    expect(await ok("run", "--rm", "box:1", "echo", "--help")).toBe("--help");
  });
});

describe("completion", () => {
  /** What bash would offer for a line that is typed so far. */
  const offered = async (line: string) => {
    const script = `source <(virga completion bash); COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; _virga 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await shell(script)).stdout.trim().split("\n");
  };

  test("bash", async () => {
    await ok("create", "--name", "finished", "box:1");
    expect(await offered("virga networ")).toEqual(["network"]);
    expect(await offered("virga start fin")).toEqual(["finished"]);
    expect(await offered("virga run --memory-s")).toEqual(["--memory-swap", "--memory-swappiness"]);
    // bash replaces what follows the colon only.
    expect(await offered("virga run box:")).toEqual(["1"]);
    expect(await offered("virga save -o bi")).toEqual(["bin"]);
    await ok("rm", "finished");
  });

  test.skipIf(Bun.which("zsh") === null)("zsh", async () => {
    const script = `autoload -Uz compinit; compinit -u -d ${folder}/zcompdump; source <(virga completion zsh)
      words=(virga network c); CURRENT=3; _describe() { print -l -- "$names[@]"; }; _virga`;
    writeFileSync(join(folder, "try.zsh"), script);
    const { stdout } = await shell("zsh -f try.zsh");
    expect(stdout).toContain("create:Make a network");
    expect(stdout).toContain("connect:Join a container");
  });

  test.skipIf(Bun.which("fish") === null)("fish", async () => {
    const { stdout } = await shell(
      "fish -c 'virga completion fish | source; complete -C \"virga network c\"'",
    );
    expect(stdout).toContain("create\tMake a network");
  });
});

test("without a daemon: what to do, and completion that is silent", async () => {
  const env = { ...daemon.environment, VIRGA_ROOT: join(folder, "none") };
  const of = (...args: string[]) => run([...daemon.program, ...args], { env });
  const { exitCode, stderr } = await of("ps");
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("no daemon runs for")]);
  expect(stderr).toContain("next: virga up FOLDER or virga run IMAGE starts one");
  expect(await of("__complete", "--", "rm", "")).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
});
