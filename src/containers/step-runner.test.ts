import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, systemClock } from "../base/index.ts";
import { daemonIdentity, listInterfaces, mountsBelow } from "../host/index.ts";
import { makeBusyboxRootfs } from "../runtimes/testing.ts";
import { readHostFacts } from "./oci/index.ts";
import { createStepRunner, type Step, type StepRunner } from "./step-runner.ts";
import { openMachine, type Machine } from "./testing-machine.ts";

let root: string;
let on: Machine;
let steps: StepRunner;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "virga-steps-")));
  on = await openMachine(root);
  makeBusyboxRootfs(join(root, "rootfs"));
  const identity = daemonIdentity(root);
  steps = createStepRunner({ identity, networks: on.networks, runtime: on.runtime, host: readHostFacts() });
}, 30_000);

afterAll(async () => {
  await on[Symbol.asyncDispose]();
  const { cgroupParent } = daemonIdentity(root);
  for (const controller of readdirSync("/sys/fs/cgroup")) {
    const folder = `/sys/fs/cgroup/${controller}${cgroupParent}`;
    if (existsSync(folder)) rmdirSync(folder);
  }
  await rm(root, { recursive: true, force: true });
}, 30_000);

function step(command: readonly string[], more: Partial<Step> = {}): Step {
  const id = newId();
  return {
    id,
    folder: join(root, `run-${id}`),
    rootfs: join(root, "rootfs"),
    command,
    env: ["PATH=/bin", "A=a value"],
    user: "",
    workingDir: "/",
    networkMode: "none",
    extraHosts: [],
    shmSize: undefined,
    memory: undefined,
    mounts: [],
    ...more,
  };
}

async function run(command: readonly string[], more: Partial<Step> = {}, signal?: AbortSignal) {
  let [stdout, stderr] = ["", ""];
  const onOutput = (stream: "stdout" | "stderr", data: Uint8Array) => {
    const text = Buffer.from(data).toString();
    if (stream === "stdout") stdout += text;
    else stderr += text;
  };
  const { exitCode } = await steps.run(step(command, more), onOutput, signal);
  return { exitCode, stdout, stderr };
}

/** What is left of steps on the machine. */
async function left() {
  const { interfacePrefix, cgroupParent } = daemonIdentity(root);
  const links = async () =>
    (await listInterfaces()).filter((one) => one.name.startsWith(interfacePrefix) && one.kind === "veth");
  // The kernel takes the links of an ended container away in its own time.
  for (let turn = 0; turn < 100 && (await links()).length > 0; turn++) await systemClock.sleep(20);
  const networks = on.networks.list();
  return {
    mounts: mountsBelow(root).map((one) => one.target),
    links: await links(),
    endpoints: networks.flatMap((network) => on.networks.endpointsOf(network.id)),
    cgroups: readdirSync("/sys/fs/cgroup").flatMap((controller) => {
      const folder = `/sys/fs/cgroup/${controller}${cgroupParent}`;
      if (!existsSync(folder)) return [];
      return readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());
    }),
  };
}
const nothing = { mounts: [], links: [], endpoints: [], cgroups: [] };

describe("a step", () => {
  test("runs in its root filesystem; output and exit code come back", async () => {
    const script = "echo $A; pwd; echo err >&2; echo made > /made; exit 3";
    const result = await run(["sh", "-c", script], { workingDir: "/tmp" });
    expect(result).toEqual({ exitCode: 3, stdout: "a value\n/tmp\n", stderr: "err\n" });
    expect(readFileSync(join(root, "rootfs/made"), "utf8")).toBe("made\n");
    expect(await left()).toEqual(nothing);
  });

  test("loses no output, however much and late", async () => {
    const { stdout } = await run(["sh", "-c", "seq 1 200000; echo end"]);
    expect(stdout.length).toBe(1_288_895 + 4);
    expect(stdout.endsWith("200000\nend\n")).toBe(true);
  });

  test("has the network that was asked for", async () => {
    const bridged = await run(["ip", "-o", "-4", "addr", "show", "eth0"], { networkMode: "default" });
    expect(bridged.stdout).toContain(" inet ");
    const none = await run(["ls", "/sys/class/net"], { networkMode: "none" });
    expect(none.stdout.trim()).toBe("lo");
    const named = await run(["cat", "/etc/hosts"], { extraHosts: ["db:10.1.2.3"] });
    expect(named.stdout).toContain("10.1.2.3\tdb");
    expect(await left()).toEqual(nothing);
  });

  test("sees its mounts", async () => {
    const source = join(root, "mounted");
    mkdirSync(source);
    const bind = { type: "bind", source, target: "/m/in", readOnly: false } as const;
    await run(["sh", "-c", "echo x > /m/in/file"], {
      mounts: [{ ...bind, propagation: "rprivate", recursive: false }],
    });
    expect(readFileSync(join(source, "file"), "utf8")).toBe("x\n");
  });

  test("that can't be run says so", async () => {
    expect(run(["nothing-here"])).rejects.toMatchObject({ code: "task.command-not-found" });
    await run(["nothing-here"], { networkMode: "default" }).catch(() => {});
    expect(await left()).toEqual(nothing);
  });

  test("is killed when it is cancelled", async () => {
    const stop = new AbortController();
    const work = steps.run(
      step(["sh", "-c", "trap '' TERM; echo up; sleep 100"], { networkMode: "default" }),
      () => stop.abort(new Error("enough")),
      stop.signal,
    );
    await work.catch(() => {});
    expect(work).rejects.toThrow("enough");
    expect(await left()).toEqual(nothing);
  });
});

test("what a killed daemon left of steps is swept", async () => {
  const stop = new AbortController();
  const { promise: started, resolve } = Promise.withResolvers<void>();
  const one = step(["sh", "-c", "echo up; sleep 100"], { networkMode: "default" });
  // This run stands for the daemon that was killed: nobody cleans up after its step.
  const running = steps.run(one, () => resolve(), stop.signal);
  const ended = running.catch(() => {});
  await started;
  await steps.sweep([one.id, newId()]);
  expect(await left()).toEqual(nothing);
  stop.abort(new Error("the test is over"));
  await ended;
});
