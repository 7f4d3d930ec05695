import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/host/index.ts";
import { startDaemon, type TestDaemon } from "../support/daemon.ts";

/** The docker CLI of PATH against a daemon of this test's own, with an image made of the host's static busybox. */
const minute = 60_000;
const image = "box:1";
let daemon: TestDaemon;
let directory = "";

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const pipe = (input: string | Uint8Array, ...args: string[]) => daemon.docker(args, { stdin: input });

async function importBusybox(): Promise<void> {
  const root = join(directory, "root");
  for (const folder of ["bin", "etc", "tmp", "proc", "sys", "dev", "root"])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nuser:x:1000:\n");
  const list = await run(["/bin/busybox", "--list"]);
  for (const applet of list.stdout.split("\n").filter((one) => one !== "" && one !== "busybox")) {
    await Bun.$`ln -s busybox ${join(root, "bin", applet)}`.quiet();
  }
  const tar = join(directory, "root.tar");
  await Bun.$`tar -C ${root} -cf ${tar} .`.quiet();
  await ok("import", "--change", "ENV PATH=/bin", "--change", 'CMD ["sh"]', tar, image);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-docker-cli-"));
  daemon = await startDaemon();
  await importBusybox();
}, 2 * minute);

afterAll(async () => {
  await daemon.destroy();
  rmSync(directory, { recursive: true, force: true });
}, minute);

const json = async <T>(...args: string[]) => JSON.parse(await ok(...args)) as T;
const inspect = async <T>(name: string, format: string) =>
  json<T>("inspect", "--format", `{{json ${format}}}`, name);

/** Sees `probe` be true within ten seconds. */
async function eventually(probe: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (await probe()) return;
    await Bun.sleep(100);
  }
  throw new Error("it did not come true");
}

/** A docker command that goes on; killed at the end of the block. */
function background(...args: string[]) {
  const child = Bun.spawn(["docker", ...args], {
    env: { ...process.env, DOCKER_HOST: daemon.dockerHost },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return { child, [Symbol.asyncDispose]: async () => { child.kill("SIGKILL"); await child.exited; } }; // prettier-ignore
}

describe("the daemon", () => {
  test("version, info, ping, system df", async () => {
    const version = await json<{ Server: { ApiVersion: string; Os: string } }>("version", "--format", "json");
    expect(version.Server).toMatchObject({ ApiVersion: "1.51", Os: "linux" });
    const info = await json<{ Driver: string; Images: number; ID: string; KernelVersion: string }>(
      "info",
      "--format",
      "json",
    );
    expect(info).toMatchObject({ Driver: "overlay2", Images: 1 });
    expect(info.KernelVersion).toBe((await run(["uname", "-r"])).stdout.trim());
    expect(await ok("system", "df")).toMatch(/Images\s+1\s/);
    expect(await ok("images", "--format", "{{.Repository}}:{{.Tag}}")).toContain(image);
  });
});

describe("docker run", () => {
  test("output of both streams, and the exit code", async () => {
    const result = await docker("run", "--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7");
    expect(result).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
    expect(await ok("ps", "-aq")).toBe("");
  });

  test("125, 126 and 127", async () => {
    const missing = await docker("run", "--rm", image, "nonsense");
    expect(missing.exitCode).toBe(127);
    expect(missing.stderr).toContain("executable file not found in $PATH");
    expect((await docker("run", "--rm", image, "/etc/passwd")).exitCode).toBe(126);
    expect((await docker("run", "--rm", "--memory", "1k", image, "true")).exitCode).toBe(125);
    expect(
      (await docker("run", "--rm", "--device-read-bps", "/dev/null:1mb", image, "true")).stderr,
    ).toContain("/dev/null is not a block device");
    expect(await ok("ps", "-aq")).toBe("");
  });

  test(
    "-i: piped input, byte for byte, also much of it",
    async () => {
      expect((await pipe("hello", "run", "-i", "--rm", image, "cat")).stdout).toBe("hello");
      const blob = crypto.getRandomValues(new Uint8Array(65536));
      const file = join(directory, "blob");
      writeFileSync(file, Buffer.concat(Array.from({ length: 1600 }, () => blob)));
      const output = join(directory, "blob.out");
      const command = `docker run -i --rm ${image} cat < ${file} > ${output}`;
      await run(["sh", "-c", command], {
        env: { ...process.env, DOCKER_HOST: daemon.dockerHost },
      });
      const hash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
      expect(hash(output)).toBe(hash(file));
    },
    minute,
  );

  test(
    "-it: a terminal of the asked size, and ctrl-p ctrl-q detaches",
    async () => {
      const session = Bun.spawn(
        ["script", "-qec", `stty rows 40 cols 100; docker run -it --name tty ${image} sh`, "/dev/null"],
        {
          env: { ...process.env, DOCKER_HOST: daemon.dockerHost, TERM: "xterm" },
          stdin: "pipe",
          stdout: "pipe",
        },
      );
      await eventually(
        async () => (await docker("inspect", "--format", "{{.State.Running}}", "tty")).stdout === "true\n",
      );
      await session.stdin.write("stty size; tty\n");
      await session.stdin.flush();
      await Bun.sleep(500);
      await session.stdin.write("\x10\x11");
      await session.stdin.flush();
      expect(await session.exited).toBe(0);
      const said = await session.stdout.text();
      expect(said).toContain("40 100");
      expect(said).toContain("/dev/pts/0");
      expect(await inspect<boolean>("tty", ".State.Running")).toBe(true);
      await ok("rm", "-f", "tty");
    },
    minute,
  );

  test(
    "-d, ps, logs, stop, start, restart, rm",
    async () => {
      const id = await ok(
        "run",
        "-d",
        "--name",
        "loop",
        "--label",
        "a=b",
        image,
        "sh",
        "-c",
        "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done",
      );
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await ok("ps", "--filter", "label=a=b", "--format", "{{.Names}} {{.State}}")).toBe(
        "loop running",
      );
      expect(await ok("ps", "--format", "{{.Status}}", "--filter", "name=loop")).toMatch(/^Up /);
      await eventually(async () => (await ok("logs", "loop")) === "up");
      await ok("stop", "-t", "5", "loop");
      expect(await ok("ps", "-a", "--filter", "name=loop", "--format", "{{.Status}}")).toMatch(
        /^Exited \(3\) /,
      );
      expect(await ok("wait", "loop")).toBe("3");
      await ok("start", "loop");
      await ok("restart", "-t", "1", "loop");
      expect(await inspect<string>("loop", ".State.Status")).toBe("running");
      expect((await docker("rm", "loop")).stderr).toContain("cannot remove");
      await ok("kill", "loop");
      await ok("rename", "loop", "done");
      await ok("rm", "done");
      expect((await docker("inspect", "done")).stderr).toContain("No such object: done");
    },
    minute,
  );

  test(
    "pause, unpause, update, top, stats, exec",
    async () => {
      await ok("run", "-d", "--name", "calm", image, "sleep", "1000");
      await ok("pause", "calm");
      expect(await ok("ps", "--filter", "name=calm", "--format", "{{.Status}}")).toContain("(Paused)");
      expect((await docker("exec", "calm", "true")).stderr).toContain("is paused");
      await ok("unpause", "calm");
      await ok("update", "--memory", "64m", "--memory-swap", "64m", "calm");
      expect(await inspect<number>("calm", ".HostConfig.Memory")).toBe(64 * 2 ** 20);
      expect(await ok("top", "calm")).toContain("sleep 1000");
      expect(
        await ok("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", "calm"),
      ).toMatch(/^calm .* \/ 64MiB 1$/);
      expect(
        await docker(
          "exec",
          "-u",
          "user",
          "-w",
          "/tmp",
          "-e",
          "A=b",
          "calm",
          "sh",
          "-c",
          "id -u; pwd; echo $A; exit 5",
        ),
      ).toEqual({
        exitCode: 5,
        stdout: "1000\n/tmp\nb\n",
        stderr: "",
      });
      expect((await pipe("to exec", "exec", "-i", "calm", "cat")).stdout).toBe("to exec");
      expect((await docker("exec", "calm", "nonsense")).exitCode).toBe(127);
      await ok("exec", "-d", "calm", "touch", "/tmp/made");
      await eventually(async () => (await docker("exec", "calm", "ls", "/tmp/made")).exitCode === 0);
      await ok("rm", "-f", "calm");
    },
    minute,
  );

  test(
    "a missing image is looked for, and told of",
    async () => {
      const result = await docker("run", "--rm", "localhost:1/no/such:image", "true");
      expect(result.exitCode).toBe(125);
      expect(result.stderr).toContain("Unable to find image 'localhost:1/no/such:image' locally");
    },
    minute,
  );
});

describe("logs and attach", () => {
  test(
    "tail, timestamps, since, until, follow",
    async () => {
      await ok("run", "--name", "talk", image, "sh", "-c", "for i in 1 2 3; do echo line $i; done");
      expect(await ok("logs", "--tail", "2", "talk")).toBe("line 2\nline 3");
      expect(await ok("logs", "-t", "--tail", "1", "talk")).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z line 3$/);
      expect(await ok("logs", "--since", "1h", "talk")).toBe("line 1\nline 2\nline 3");
      expect(await ok("logs", "--until", "1h", "talk")).toBe("");
      await ok("rm", "talk");
      await ok(
        "run",
        "-d",
        "--name",
        "talk",
        image,
        "sh",
        "-c",
        "for i in 1 2 3; do echo line $i; sleep 0.3; done",
      );
      expect(await ok("logs", "-f", "talk")).toBe("line 1\nline 2\nline 3");
      await ok("rm", "-f", "talk");
    },
    minute,
  );

  test(
    "two clients see the same; one that goes leaves the container alone",
    async () => {
      await ok("run", "-d", "--name", "shared", image, "sh", "-c", "sleep 1; echo seen; sleep 1; exit 4");
      await using one = background("attach", "shared");
      await using two = background("attach", "shared");
      await Bun.sleep(300);
      two.child.kill("SIGKILL");
      expect(await one.child.stdout.text()).toBe("seen\n");
      expect(await one.child.exited).toBe(4);
      await ok("rm", "shared");
    },
    minute,
  );
});

describe("files", () => {
  test(
    "cp both ways, diff, export, commit",
    async () => {
      await ok(
        "run",
        "--name",
        "files",
        image,
        "sh",
        "-c",
        "echo new > /tmp/new; rm /etc/group; echo x >> /etc/passwd",
      );
      const changes = (await ok("diff", "files")).split("\n").toSorted();
      expect(changes).toEqual(
        expect.arrayContaining(["A /tmp/new", "C /etc", "C /etc/passwd", "D /etc/group"]),
      );
      await ok("cp", "files:/tmp/new", join(directory, "copied"));
      expect(readFileSync(join(directory, "copied"), "utf8")).toBe("new\n");
      await ok("cp", join(directory, "copied"), "files:/root/back");
      const id = await ok(
        "commit",
        "-m",
        "a test",
        "--change",
        'CMD ["cat", "/root/back"]',
        "files",
        "box:2",
      );
      expect(id).toMatch(/^sha256:/);
      expect(await ok("run", "--rm", "box:2")).toBe("new");
      await ok("export", "-o", join(directory, "export.tar"), "files");
      expect((await run(["tar", "-tf", join(directory, "export.tar")])).stdout).toContain("root/back");
      expect((await docker("cp", "files:/nonsense", "-")).stderr).toContain("Could not find the file");
      await ok("rm", "files");
      await ok("rmi", "box:2");
    },
    minute,
  );
});

describe("images", () => {
  test(
    "tag, inspect, history, save, load, rmi, prune",
    async () => {
      await ok("tag", image, "other:x");
      const archive = join(directory, "save.tar");
      await ok("save", "-o", archive, "other:x");
      expect(await ok("rmi", "other:x")).toBe("Untagged: other:x");
      expect(await ok("load", "-i", archive)).toBe("Loaded image: other:x");
      expect(await inspect<string[]>(image, ".RepoTags")).toEqual([image, "other:x"]);
      expect(await ok("history", "--format", "{{.Size}}", image)).toMatch(/MB$/);
      expect((await docker("rmi", "nonsense")).stderr).toContain("No such image: nonsense");
      await ok("rmi", "other:x");
      expect(await ok("image", "prune", "-f")).toContain("Total reclaimed space");
    },
    minute,
  );

  test(
    "build: steps, cache, -q, a failing step, a wrong Dockerfile",
    async () => {
      const context = join(directory, "context");
      mkdirSync(context, { recursive: true });
      writeFileSync(join(context, "file"), "content\n");
      writeFileSync(
        join(context, "Dockerfile"),
        `FROM ${image}\nARG WHO\nCOPY file /file\nRUN cat /file && echo built by $WHO > /who\nCMD ["cat", "/who"]\n`,
      );
      const first = await ok("build", "-t", "built:1", "--build-arg", "WHO=me", context);
      expect(first).toContain("Step 1/5 : FROM box:1");
      expect(first).toContain("content");
      expect(first).toContain("Successfully tagged built:1");
      expect(await ok("run", "--rm", "built:1")).toBe("built by me");
      expect(await ok("build", "--build-arg", "WHO=me", context)).toContain("Using cache");
      expect(await ok("build", "-q", "--build-arg", "WHO=me", context)).toBe(
        await inspect<string>("built:1", ".Id"),
      );
      writeFileSync(join(context, "Dockerfile"), `FROM ${image}\nRUN exit 9\n`);
      const failed = await docker("build", context);
      expect(failed.exitCode).not.toBe(0);
      expect(failed.stderr).toContain("returned a non-zero code: 9");
      writeFileSync(join(context, "Dockerfile"), `FROM ${image}\nNONSENSE\n`);
      expect((await docker("build", context)).stderr).toContain("NONSENSE");
      await ok("rmi", "built:1");
      await ok("builder", "prune", "-af");
    },
    2 * minute,
  );
});

describe("networks, ports and volumes", () => {
  test(
    "names resolve on a network of one's own, ports are published",
    async () => {
      await ok("network", "create", "--label", "t=1", "ours");
      expect(await ok("network", "ls", "--filter", "label=t=1", "--format", "{{.Name}} {{.Driver}}")).toBe(
        "ours bridge",
      );
      await ok(
        "run",
        "-d",
        "--name",
        "server",
        "--network",
        "ours",
        "--network-alias",
        "www",
        "-p",
        "127.0.0.1::80",
        image,
        "sh",
        "-c",
        "mkdir /www; echo served > /www/index.html; httpd -f -h /www",
      );
      const [, port] = (await ok("port", "server", "80")).split(":");
      await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`).then((one) => one.text(), () => "")) === "served\n"); // prettier-ignore
      expect(await ok("run", "--rm", "--network", "ours", image, "wget", "-qO-", "http://www/")).toBe(
        "served",
      );
      expect(await inspect<object>("server", ".NetworkSettings.Ports")).toEqual({
        "80/tcp": [{ HostIp: "127.0.0.1", HostPort: port }],
      });
      expect((await docker("network", "rm", "ours")).exitCode).toBe(1);
      await ok("network", "disconnect", "ours", "server");
      await ok("network", "connect", "ours", "server");
      await ok("rm", "-f", "server");
      await ok("network", "rm", "ours");
    },
    minute,
  );

  test(
    "a taken port is told in Docker's words",
    async () => {
      await using taken = await new Promise<AsyncDisposable & { port: number }>((resolve) => {
        const server = createServer().listen(0, "127.0.0.1", () => {
          const { port } = server.address() as { port: number };
          resolve({ port, [Symbol.asyncDispose]: async () => void server.close() });
        });
      });
      const result = await docker("run", "--rm", "-p", `127.0.0.1:${taken.port}:80`, image, "true");
      expect(result.exitCode).toBe(125);
      expect(result.stderr).toMatch(/port is already allocated|address already in use/);
    },
    minute,
  );

  test(
    "volumes, binds and tmpfs",
    async () => {
      await ok("volume", "create", "--label", "t=1", "data");
      await ok(
        "run",
        "--rm",
        "-v",
        "data:/data",
        "-v",
        `${directory}:/host:ro`,
        "--tmpfs",
        "/scratch:size=1m",
        image,
        "sh",
        "-c",
        "echo kept > /data/file; mount | grep -q '/scratch type tmpfs'; test -f /host/blob",
      );
      expect(await ok("run", "--rm", "-v", "data:/data", image, "cat", "/data/file")).toBe("kept");
      expect(
        (await docker("run", "--rm", "-v", `${directory}:/host:ro`, image, "touch", "/host/x")).exitCode,
      ).not.toBe(0);
      expect(await ok("volume", "ls", "-q", "--filter", "label=t=1")).toBe("data");
      await ok("run", "--name", "user", "-v", "data:/data", "-v", "/anonymous", image, "true");
      expect((await docker("volume", "rm", "data")).stderr).toContain("in use");
      await ok("rm", "-v", "user");
      await ok("volume", "rm", "data");
      expect(await ok("volume", "ls", "-q")).toBe("");
    },
    minute,
  );
});

describe("events and prune", () => {
  test(
    "the life of a container, live and from the log",
    async () => {
      const since = String(Math.floor(Date.now() / 1000) - 1);
      await using watch = background("events", "--filter", "container=life", "--format", "{{.Action}}");
      await Bun.sleep(300);
      await ok("run", "--rm", "--name", "life", image, "true");
      await Bun.sleep(300);
      watch.child.kill("SIGTERM");
      const live = (await watch.child.stdout.text()).trim().split("\n");
      expect(live).toEqual(expect.arrayContaining(["create", "attach", "start", "die", "destroy"]));
      // The client cuts "now" down to whole seconds.
      await Bun.sleep(1100);
      const logged = await ok(
        "events",
        "--since",
        since,
        "--until",
        "0s",
        "--filter",
        "container=life",
        "--filter",
        "event=die",
        "--format",
        "{{.Actor.Attributes.exitCode}}",
      );
      expect(logged).toBe("0");
    },
    minute,
  );

  test(
    "system prune takes what nobody uses",
    async () => {
      await ok("run", "--name", "ended", image, "true");
      await ok("network", "create", "unused");
      const said = await ok("system", "prune", "-f");
      expect(said).toContain("Deleted Networks:\nunused");
      expect(await ok("ps", "-aq")).toBe("");
      expect(await ok("images", "-q")).not.toBe("");
    },
    minute,
  );
});

describe("the daemon's restart", () => {
  test(
    "a container goes on, and can be talked to again",
    async () => {
      await ok(
        "run",
        "-d",
        "--name",
        "survivor",
        image,
        "sh",
        "-c",
        "i=0; while :; do echo $((i=i+1)); sleep 0.2; done",
      );
      const pid = await inspect<number>("survivor", ".State.Pid");
      await daemon.crash();
      await Bun.sleep(500);
      await daemon.start();
      expect(await inspect<number>("survivor", ".State.Pid")).toBe(pid);
      const lines = (await ok("logs", "survivor")).split("\n").map(Number);
      expect(lines).toEqual(lines.map((_, index) => index + 1));
      expect(await ok("exec", "survivor", "echo", "hi")).toBe("hi");
      await ok("rm", "-f", "survivor");
    },
    minute,
  );
});
