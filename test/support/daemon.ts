import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  daemonIdentity,
  run,
  type DaemonIdentity,
  type RunOptions,
  type RunResult,
} from "../../src/host/index.ts";

const checkout = join(import.meta.dir, "../..");
const program = [process.execPath, join(checkout, "src/main.ts")];

/** A daemon of a test's own, with a root of its own, in a process of its own. */
export interface TestDaemon {
  readonly identity: DaemonIdentity;
  readonly dockerHost: string;
  readonly pid: number;
  /** What `virga` is run by, for a test that starts it itself. */
  readonly program: readonly string[];
  /** The environment in which `virga` and docker find this daemon. */
  readonly environment: Readonly<Record<string, string>>;
  /** `virga ARGS` against this daemon. */
  virga(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The real docker CLI against this daemon. */
  docker(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** As `docker`, and throws with what it said when the exit code is not 0; returns stdout without the last newline. */
  dockerOk(args: readonly string[], options?: RunOptions): Promise<string>;
  /** kill -9, then waits until the process is gone. */
  crash(): Promise<void>;
  /** Starts it again on the same root. */
  start(): Promise<void>;
  /** Stops it in good order; containers go on. */
  stop(): Promise<void>;
  /**
   * Removes all containers and stacks, stops the daemon, and throws when anything of its own is left on the host:
   * a process, mount, interface, nftables table, cgroup. Then removes the root folder.
   */
  destroy(): Promise<void>;
}

/** `arguments` are more options of `virga serve`, `environment` more variables of it. `root` is an existing folder to use instead of a fresh one below /tmp; what is in it goes with `destroy`. */
export async function startDaemon(
  options: {
    readonly root?: string;
    readonly arguments?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<TestDaemon> {
  const root = realpathSync(options.root ?? mkdtempSync("/tmp/virga-test-"));
  const identity = daemonIdentity(root);
  const dockerHost = `unix://${root}/run/docker.sock`;
  const extra = options.arguments ?? [];
  const begin = () => launch(root, extra, options.environment);
  let child = await begin();
  const docker: TestDaemon["docker"] = (args, options = {}) =>
    run(["docker", ...args], {
      ...options,
      env: clientEnvironment({ DOCKER_HOST: dockerHost, ...options.env }),
    });
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
  };
  return {
    identity,
    dockerHost,
    program,
    environment: clientEnvironment({ DOCKER_HOST: dockerHost, VIRGA_ROOT: root }),
    get pid() {
      return child.pid;
    },
    virga: (args, options = {}) =>
      run([...program, ...args], {
        ...options,
        env: clientEnvironment({ VIRGA_ROOT: root, ...options.env }),
      }),
    docker,
    async dockerOk(args, options) {
      const result = await docker(args, options);
      if (result.exitCode !== 0) {
        throw new Error(
          `docker ${args.join(" ")}: exit code ${result.exitCode}\n${result.stdout}${result.stderr}`,
        );
      }
      return result.stdout.replace(/\n$/, "");
    },
    async crash() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async start() {
      child = await begin();
    },
    stop,
    async destroy() {
      const containers = await docker(["ps", "-aq"]);
      const ids = containers.stdout.split("\n").filter(Boolean);
      if (ids.length > 0) await docker(["rm", "-f", "-v", ...ids]);
      await stop();
      const left = await leftovers(identity);
      const log =
        left.length > 0 ? readFileSync(identity.path("log", "daemon.log"), "utf8").slice(-4000) : "";
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
      if (options.root === undefined) rmSync(root, { recursive: true, force: true });
      if (left.length > 0)
        throw new Error(`left over on the host:\n${left.join("\n")}\n\nthe daemon's log:\n${log}`);
    },
  };
}

/** Root, PATH and the like, without what would change a client's behaviour. */
function clientEnvironment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const inherited = ["PATH", "HOME", "TMPDIR", "LANG"].map(
    (name) => [name, process.env[name] ?? ""] as const,
  );
  const proxies = Object.entries(process.env).filter(([name]) => /_proxy$/i.test(name));
  return {
    ...Object.fromEntries(inherited.filter(([, value]) => value !== "")),
    ...(Object.fromEntries(proxies) as Record<string, string>),
    DOCKER_BUILDKIT: "0",
    DOCKER_CLI_HINTS: "false",
    ...extra,
  };
}

async function launch(
  root: string,
  extra: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  const child = Bun.spawn([...program, "serve", "--root", root, "--log-level", "debug", ...extra], {
    cwd: "/",
    env: { ...process.env, ...environment },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const sockets = ["virga.sock", "docker.sock"].map((name) => join(root, "run", name));
  for (let turn = 0; turn < 500; turn++) {
    if (child.exitCode !== null) throw new Error(`the daemon ended with exit code ${child.exitCode}`);
    if (await allAnswer(sockets)) return child;
    await Bun.sleep(20);
  }
  child.kill("SIGKILL");
  throw new Error("the daemon did not answer within 10 s");
}

async function allAnswer(sockets: readonly string[]): Promise<boolean> {
  try {
    await Promise.all(sockets.map((unix) => fetch("http://localhost/_ping", { unix })));
    return true;
  } catch {
    return false;
  }
}

/** What is on the host that belongs to `identity`, one line each. */
export async function leftovers(identity: DaemonIdentity): Promise<string[]> {
  return [
    ...processesOf(identity.root),
    ...mountsBelow(identity.root),
    ...(await interfacesOf(identity.interfacePrefix)),
    ...(await tablesOf(identity.nftTable)),
    ...cgroupsOf(identity.cgroupParent),
    ...loopDevicesOf(identity.root),
  ];
}

/** Loop devices on files below `root`, also on those that were removed. */
export function loopDevicesOf(root: string): string[] {
  return readdirSync("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .map((name) => `${name} ${readOrNothing(`/sys/block/${name}/loop/backing_file`).trim()}`)
    .filter((line) => line.includes(` ${root}/`));
}

export function processesOf(root: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = readOrNothing(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      return command.includes(root) ? [`process ${pid}: ${command}`] : [];
    });
}

export function mountsBelow(root: string): string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  return points.filter((point) => point.startsWith(`${root}/`)).map((point) => `mount ${point}`);
}

export async function interfacesOf(prefix: string): Promise<string[]> {
  const { stdout } = await run(["ip", "-o", "link"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(` ${prefix}`))
    .map((line) => `interface ${line}`);
}

async function tablesOf(table: string): Promise<string[]> {
  const { stdout } = await run(["nft", "list", "tables"]);
  return stdout
    .split("\n")
    .filter((line) => line.includes(table))
    .map((line) => `nftables ${line}`);
}

export function cgroupsOf(parent: string): string[] {
  const hierarchies = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? ["/sys/fs/cgroup"]
    : readdirSync("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name));
  return hierarchies
    .map((one) => join(one, parent))
    .filter((path) => existsSync(path))
    .map((path) => `cgroup ${path}`);
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Makes an image of the host's static busybox, and returns its name. */
export async function importBusybox(daemon: TestDaemon, name = "box:1"): Promise<string> {
  const tar = await busyboxTar();
  try {
    await daemon.dockerOk(["import", "--change", "ENV PATH=/bin", "--change", 'CMD ["sh"]', tar, name]);
  } finally {
    rmSync(tar);
  }
  return name;
}

/** Sees `probe` be true within ten seconds; `what` says in the error what did not come true. */
export async function eventually(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error(`it did not come true: ${what}`);
    await Bun.sleep(50);
  }
}

/** A tar of a root filesystem that holds a static busybox and its applets, for `docker import`. */
export async function busyboxTar(): Promise<string> {
  const folder = mkdtempSync("/tmp/virga-busybox-");
  const tar = `${folder}.tar`;
  const script = `
    set -e
    chmod 755 . && mkdir -p bin etc tmp www && cp /bin/busybox bin/busybox
    for applet in $(bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
    echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd; echo 'web:x:1000:1000::/:/bin/sh' >>etc/passwd
    echo 'root:x:0:' >etc/group; echo 'web:x:1000:' >>etc/group
    mkdir -p root && chmod 1777 tmp && echo ok >www/index.html && tar -cf "$1" .`;
  const made = await run(["sh", "-c", script, "sh", tar], { cwd: folder });
  rmSync(folder, { recursive: true });
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return tar;
}
