import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { eventually, importBusybox, loopDevicesOf, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { settledHoldings } from "../support/holdings.ts";

/** `docker run --storage-opt size=…`: what a container writes has a limit. */
const minute = 60_000;
let daemon: TestDaemon;
let image: string;

const ok = (...args: string[]) => daemon.dockerOk(args);
const docker = (...args: string[]) => daemon.docker(args);
const noLoops = () =>
  eventually("no loop device is left", () => loopDevicesOf(daemon.identity.root).length === 0);
const fill = (mib: number) => `dd if=/dev/zero of=/big bs=1M count=${mib} 2>&1; true`;

beforeAll(async () => {
  daemon = await startDaemon();
  image = await importBusybox(daemon);
}, minute);

afterAll(() => daemon.destroy(), minute);

test(
  "a full container gets ENOSPC, and nobody else; its files can be looked at when it is stopped, or never ran",
  async () => {
    const before = await settledHoldings(daemon);
    await ok("run", "-d", "--name", "other", image, "sleep", "1000");
    const script = `${fill(40)}; ls -l /big | wc -l; echo small >/small; sync; exec sleep 1000`;
    await ok("run", "-d", "--name", "full", "--storage-opt", "size=32M", image, "sh", "-c", script);
    await eventually("it is full", async () => (await ok("logs", "full")).includes("\n1"));
    expect(await ok("logs", "full")).toContain("No space left on device");
    const df = (await ok("exec", "full", "df", "-m", "/")).split("\n")[1]!.split(/\s+/);
    expect(Number(df[1])).toBeWithin(30, 36);
    expect((await docker("exec", "other", "sh", "-c", fill(40))).stdout).not.toContain("No space");
    expect(await ok("inspect", "--format", "{{json .HostConfig.StorageOpt}}", "full")).toBe('{"size":"32M"}');

    await ok("exec", "full", "sh", "-c", "rm /big; echo kept >/kept");
    await ok("stop", "--time", "0", "full");
    await noLoops();
    expect(await ok("diff", "full")).toContain("A /kept");
    expect(await ok("cp", "full:/kept", "-")).toContain("kept\n");
    expect(await ok("ps", "-a", "--size", "--filter", "name=full", "--format", "{{.Size}}")).toMatch(/^\d+B/);
    await ok("commit", "full", "kept:1");
    expect(await ok("run", "--rm", "kept:1", "cat", "/kept")).toBe("kept");
    expect(await ok("run", "--rm", "--storage-opt", "size=2M", "kept:1", "sh", "-c", fill(9))).toContain(
      "No space",
    );
    const created = await ok("create", "--name", "created", "--storage-opt", "size=1G", image, "cat", "/in");
    const file = `/tmp/virga-in-${daemon.identity.tag}`;
    writeFileSync(file, "sent\n");
    expect(await ok("diff", "created")).toBe("");
    await ok("cp", file, "created:/in");
    rmSync(file);
    expect(await ok("start", "-a", "created")).toBe("sent");
    const { blocks } = statSync(daemon.identity.path("containers", created, "writable.ext4"));
    expect(blocks * 512).toBeLessThan(8 * 2 ** 20);
    await ok("rm", "-f", "full", "created", "other");
    await ok("rmi", "kept:1");
    await noLoops();
    expect(await settledHoldings(daemon)).toEqual(before);
  },
  2 * minute,
);

test(
  "a killed daemon finds it as it is; one that ended meanwhile is tidied, and so is a change that was cut short",
  async () => {
    const limited = ["--stop-signal", "KILL", "--storage-opt", "size=16M", "--label", "set=limited"];
    await ok("run", "-d", "--name", "runs", ...limited, image, "sh", "-c", "echo a >/a; exec sleep 1000");
    await ok("run", "-d", "--name", "ends", ...limited, image, "sh", "-c", "echo b >/b; exec sleep 1000");
    const pid = await ok("inspect", "--format", "{{.State.Pid}}", "ends");
    await daemon.crash();
    process.kill(Number(pid), "SIGKILL");
    await eventually("it has ended", () => !isAlive(pid));
    await daemon.start();
    await eventually("one loop device is left", () => loopDevicesOf(daemon.identity.root).length === 1);
    expect(await ok("cp", "ends:/b", "-")).toContain("b\n");
    expect(await ok("exec", "runs", "cat", "/a")).toBe("a");
    expect(await ok("exec", "runs", "sh", "-c", fill(20))).toContain("No space");
    await ok("restart", "--time", "0", "runs");
    expect(await ok("exec", "runs", "cat", "/a")).toBe("a");

    const changed = await daemon.virga(["update", "runs", "--env", "A=1", "--yes"]);
    expect(changed.exitCode).toBe(0);
    expect(await ok("exec", "runs", "cat", "/a")).toBe("a");
    expect(await ok("exec", "runs", "sh", "-c", fill(20))).toContain("No space");
    await ok("rm", "-f", "runs");
    await ok("container", "prune", "-f", "--filter", "label=set=limited");
    expect(await ok("ps", "-aq", "--filter", "label=set=limited")).toBe("");
    await noLoops();
  },
  2 * minute,
);

test(
  "other layers put the file aside, and a failure takes it back; nonsense is refused; a default by the daemon's settings",
  async () => {
    const limited = ["--stop-signal", "KILL", "--storage-opt", "size=16M"];
    const keep = "[ -e /a ] || echo a >/a; exec sleep 1000";
    await ok("run", "-d", "--name", "runs", ...limited, image, "sh", "-c", keep);
    await eventually(
      "it has written",
      async () => (await docker("exec", "runs", "cat", "/a")).exitCode === 0,
    );
    const dockerfile = `FROM ${image}\nRUN echo 1 >/other\n`;
    await daemon.dockerOk(["build", "-q", "-t", "other:1", "-"], { stdin: dockerfile });
    const failing = ["update", "runs", "--image", "other:1", "--entrypoint", "/nothing", "--yes"];
    expect((await daemon.virga(failing)).exitCode).not.toBe(0);
    expect(await ok("exec", "runs", "cat", "/a")).toBe("a");
    const changing = await daemon.virga(["update", "runs", "--image", "other:1", "--yes"]);
    expect(changing.exitCode).toBe(0);
    expect(await ok("exec", "runs", "cat", "/other")).toBe("1");
    expect(await ok("exec", "runs", "sh", "-c", fill(20))).toContain("No space");
    await ok("rm", "-f", "runs");
    await noLoops();

    const refused = async (option: string) => (await docker("create", "--storage-opt", option, image)).stderr;
    expect(await refused("size=much")).toContain("invalid size: 'much'");
    expect(await refused("size=-1")).toContain("invalid size: '-1'");
    expect(await refused("size=10")).toContain("1 MiB and more");
    expect(await refused("inodes=1")).toContain("Unknown option inodes");
    expect(await ok("ps", "-aq")).toBe("");

    await daemon.stop();
    writeFileSync(
      daemon.identity.path("config.json"),
      JSON.stringify({ "storage-opts": ["overlay2.size=8M"] }),
    );
    await daemon.start();
    expect(await ok("run", "--rm", image, "sh", "-c", fill(20))).toContain("No space");
    expect(await ok("run", "--rm", "--storage-opt", "size=0", image, "sh", "-c", fill(20))).not.toContain(
      "No space",
    );
    expect(await ok("info", "--format", "{{json .DriverStatus}}")).toContain("8.39 MB");
    await noLoops();
  },
  2 * minute,
);

/** A killed process that nobody has waited for counts as dead. */
function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
