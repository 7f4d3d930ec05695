import { afterAll, beforeAll, expect, test } from "bun:test";
import { importBusybox, startDaemon, type TestDaemon } from "../support/daemon.ts";

/** What a container may not do, tried from inside. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const inside = (options: readonly string[], script: string) =>
  docker("run", "--rm", ...options, image, "sh", "-c", script);

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterAll(() => daemon.destroy(), minute);

test(
  "more memory than allowed: killed, with 137 and OOMKilled",
  async () => {
    const limit = ["--memory", "32m", "--memory-swap", "32m"];
    const grow = "exec dd if=/dev/zero of=/dev/null bs=200M";
    const since = String(Math.floor(Date.now() / 1000) - 1);
    const hungry = await docker("run", "--name", "hungry", ...limit, image, "sh", "-c", grow);
    expect(hungry.exitCode).toBe(137);
    const state = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}";
    expect(await ok("inspect", "--format", state, "hungry")).toBe("exited 137 true");
    const actions = await ok(
      "events",
      "--since",
      since,
      "--until",
      String(Math.floor(Date.now() / 1000) + 1),
      "--filter",
      "container=hungry",
      "--format",
      "{{.Action}}",
    );
    expect(actions.split("\n")).toContain("oom");
    // Killed by hand it is not.
    await ok("run", "-d", "--name", "killed", ...limit, image, "sleep", "1000");
    await ok("kill", "killed");
    expect(await ok("inspect", "--format", state, "killed")).toBe("exited 137 false");
    // What fits runs.
    expect((await inside(limit, "dd if=/dev/zero of=/dev/null bs=8M count=1")).exitCode).toBe(0);
    await ok("rm", "hungry", "killed");
  },
  minute,
);

test(
  "an OOM kill that nobody saw is told by the next daemon",
  async () => {
    const script = "sleep 0.5; exec dd if=/dev/zero of=/dev/null bs=200M";
    await ok(
      "run",
      "-d",
      "--name",
      "alone",
      "--memory",
      "32m",
      "--memory-swap",
      "32m",
      image,
      "sh",
      "-c",
      script,
    );
    await daemon.crash();
    await Bun.sleep(1200);
    await daemon.start();
    expect(await ok("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", "alone")).toBe(
      "137 true",
    );
    await ok("rm", "alone");
  },
  minute,
);

test(
  "a step of a build that needs more memory than allowed",
  async () => {
    const built = await daemon.docker(["build", "--memory", "32m", "-"], {
      stdin: `FROM ${image}\nRUN exec dd if=/dev/zero of=/dev/null bs=200M\n`,
    });
    expect(built.stderr).toContain("returned a non-zero code: 137");
    expect(built.stderr).toContain("it ran out of memory");
  },
  minute,
);

test(
  "more processes than allowed",
  async () => {
    const fork = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 2 & done; wait";
    const limited = await inside(["--pids-limit", "5"], fork);
    expect(limited.stderr).toContain("can't fork");
    expect((await inside(["--pids-limit", "20"], fork)).stderr).toBe("");
  },
  minute,
);

test(
  "files, ulimits and a read-only root",
  async () => {
    expect((await inside(["--ulimit", "nofile=64:64"], "ulimit -n")).stdout).toBe("64\n");
    const readOnly = await inside(["--read-only", "--tmpfs", "/tmp"], "touch /tmp/fine && touch /refused");
    expect(readOnly.stderr).toContain("Read-only file system");
    expect(readOnly.exitCode).not.toBe(0);
    const filled = await inside(["--tmpfs", "/tmp:size=1m"], "dd if=/dev/zero of=/tmp/big bs=1M count=4");
    expect(filled.stderr).toContain("No space left on device");
  },
  minute,
);

test(
  "system calls that Docker's default profile refuses",
  async () => {
    const status = (option: readonly string[]) =>
      inside(option, "grep -w Seccomp /proc/self/status; unshare -U true && echo made");
    const byDefault = await status([]);
    expect(byDefault.stdout).toBe("Seccomp:\t2\n");
    expect(byDefault.stderr).toContain("Operation not permitted");
    const unconfined = await status(["--security-opt", "seccomp=unconfined"]);
    expect(unconfined.stdout).toBe("Seccomp:\t0\nmade\n");
  },
  minute,
);

test(
  "no-new-privileges makes setuid programs powerless",
  async () => {
    const dockerfile = `FROM ${image}
RUN sed -i 's/^root:x:/root::/' /etc/passwd && mkdir /raise && cp /bin/busybox /raise && chmod 4755 /raise/busybox
`;
    const built = await daemon.docker(["build", "-q", "-t", "raise:1", "-"], { stdin: dockerfile });
    expect(built.exitCode).toBe(0);
    const raise = [
      "-u",
      "web",
      "raise:1",
      "/raise/busybox",
      "su",
      "-c",
      "id -u; grep NoNewPrivs /proc/self/status",
    ];
    expect((await docker("run", "--rm", ...raise)).stdout).toBe("0\nNoNewPrivs:\t0\n");
    const kept = await docker("run", "--rm", "--security-opt", "no-new-privileges", ...raise);
    expect(kept.exitCode).not.toBe(0);
    expect(kept.stdout).toBe("");
    await ok("rmi", "raise:1");
  },
  minute,
);

test(
  "the machine cannot be reached from inside",
  async () => {
    const attempts = {
      "mount -t tmpfs none /tmp": "permission denied|not permitted",
      "mknod /tmp/disk b 7 0 && dd if=/tmp/disk of=/dev/null count=1": "not permitted",
      "echo 1 >/proc/sys/kernel/panic": "Read-only file system",
      "echo b >/proc/sysrq-trigger": "Read-only file system|nonexistent|can't create",
      "head -c 1 /proc/kcore | grep -q . || echo empty >&2": "empty",
      "hostname other": "not permitted|Operation",
      "date -s 2001-01-01": "not permitted",
      "nsenter -t 1 -m ls /work": "not permitted|No such file",
      "echo 1 >/sys/fs/cgroup/memory/memory.limit_in_bytes": "Read-only|nonexistent|can't create",
    };
    for (const [attempt, refusal] of Object.entries(attempts)) {
      const result = await inside([], attempt);
      expect([attempt, result.stderr]).toEqual([attempt, expect.stringMatching(new RegExp(refusal, "i"))]);
    }
  },
  minute,
);
