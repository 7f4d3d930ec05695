import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  rmdirSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, silentLogger, systemClock } from "../base/index.ts";
import {
  createThreadNamespaces,
  daemonIdentity,
  readCgroupFacts,
  type DaemonIdentity,
  type ThreadNamespaces,
} from "../host/index.ts";
import type { OciConfig, Runtime, TaskSpec } from "./runtime.ts";
import { createRuntime } from "./runtimes.ts";

/** A root filesystem with a static busybox and its applets, from /bin/busybox of the machine. */
export function makeBusyboxRootfs(folder: string): string {
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "run"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  chmodSync(join(folder, "tmp"), 0o1777);
  copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
  chmodSync(join(folder, "bin/busybox"), 0o755);
  const applets = Bun.spawnSync(["/bin/busybox", "--list"]).stdout.toString().trim().split("\n");
  for (const applet of applets) {
    if (applet !== "busybox") symlinkSync("busybox", join(folder, "bin", applet));
  }
  return folder;
}

/** A real runtime in a root of its own, with a busybox root filesystem. Disposing removes all of it. */
export interface RuntimeBench extends AsyncDisposable {
  readonly identity: DaemonIdentity;
  readonly namespaces: ThreadNamespaces;
  readonly rootfs: string;
  runtime: Runtime;
  /** A second runtime over the same root: what a restarted daemon has. The first is closed. */
  restart(): Promise<Runtime>;
  spec(arguments_: readonly string[], options?: SpecOptions): TaskSpec;
  /** Folders of this bench's cgroups in any hierarchy; empty when nothing is left over. */
  cgroups(): string[];
}

export interface SpecOptions extends Partial<Omit<TaskSpec, "config">> {
  readonly process?: OciConfig;
  readonly linux?: OciConfig;
}

export async function openRuntimeBench(): Promise<RuntimeBench> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "virga-runtime-")));
  const identity = daemonIdentity(root);
  const namespaces = createThreadNamespaces();
  const rootfs = makeBusyboxRootfs(join(root, "rootfs"));
  const open = () =>
    createRuntime({
      identity, namespaces, clock: systemClock, logger: silentLogger,
      runtimes: { crun: { path: "crun" }, runc: { path: "runc" }, runsc: { path: "runsc" } },
    }); // prettier-ignore
  const facts = readCgroupFacts();
  const ids = new Set<string>();
  const bench: RuntimeBench = {
    identity,
    namespaces,
    rootfs,
    runtime: await open(),
    async restart() {
      await bench.runtime.close();
      return (bench.runtime = await open());
    },
    spec(arguments_, options = {}) {
      const id = options.id ?? newId();
      ids.add(id);
      const { process: processPart, linux: linuxPart, ...rest } = options;
      const tty = options.tty ?? false;
      return {
        id, tty, runtime: "crun", stdin: false, stdinOnce: false, log: { kind: "none" },
        bundle: join(root, "containers", id, "bundle"),
        ...rest,
        config: plainConfig(rootfs, arguments_, `${identity.cgroupParent}/${id}`, { terminal: tty, ...processPart }, linuxPart),
      }; // prettier-ignore
    },
    cgroups: () =>
      facts.hierarchies.flatMap((top) => {
        const parent = join(top, identity.cgroupParent);
        try {
          const entries = readdirSync(parent, { withFileTypes: true });
          return entries.filter((one) => one.isDirectory()).map((one) => join(parent, one.name));
        } catch {
          return [];
        }
      }),
    async [Symbol.asyncDispose]() {
      for (const id of ids) await bench.runtime.delete(id, true);
      await bench.runtime.close();
      for (const top of facts.hierarchies) {
        try {
          rmdirSync(join(top, identity.cgroupParent));
        } catch {
          // No task ever made it.
        }
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
  return bench;
}

/** The least that crun runs a program with. */
function plainConfig(
  rootfs: string,
  arguments_: readonly string[],
  cgroupsPath: string,
  processPart: OciConfig,
  linuxPart: OciConfig = {},
): OciConfig {
  const everyDay = ["nosuid", "noexec", "nodev"];
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 }, args: arguments_, env: ["PATH=/bin"], cwd: "/",
      capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
      ...processPart,
    },
    root: { path: rootfs },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: everyDay },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666", "gid=5"] },
    ],
    linux: {
      cgroupsPath,
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
      ...linuxPart,
    },
  }; // prettier-ignore
}

/** All of a task's output as text. */
export async function readAll(output: AsyncIterable<{ readonly data: Uint8Array }>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const { data } of output) chunks.push(data);
  return Buffer.concat(chunks).toString();
}
