import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, silentLogger, systemClock, type Logger } from "../base/index.ts";
import { createEvents, eventMigrations } from "../events/index.ts";
import {
  createThreadNamespaces,
  daemonIdentity,
  namespaceFlags,
  run,
  runChecked,
  setns,
  unshare,
  type DaemonIdentity,
  type RunResult,
  type ThreadNamespaces,
} from "../host/index.ts";
import { openState, type State } from "../state/index.ts";
import type { Networks, Sandbox } from "./network.ts";
import { createNetworks } from "./networks.ts";
import { networkMigrations } from "./store.ts";

/** A sandbox of a test: a process with a network namespace of its own. */
export interface TestSandbox extends Sandbox {
  /** Runs a program inside. */
  run(command: readonly string[]): Promise<RunResult>;
  /** Serves `text` over HTTP on port 80, in the background. */
  serve(text: string): Promise<void>;
  end(): Promise<void>;
}

/**
 * A machine of its own for a test: this thread moves to a new network namespace, so that interfaces, packet filter, ports
 * and kernel settings are nobody else's. A second namespace, `outside`, hangs on its uplink: 198.51.100.1 is the
 * machine, 198.51.100.2 the outside.
 */
export interface TestMachine extends AsyncDisposable {
  readonly identity: DaemonIdentity;
  readonly state: State;
  readonly namespaces: ThreadNamespaces;
  readonly outside: TestSandbox;
  /** The service, as a daemon's start makes it; call it again for a restart. */
  networks(options?: TestOptions): Promise<Networks>;
  sandbox(): Promise<TestSandbox>;
  /** A second daemon on the machine, with a root of its own. */
  neighbour(options?: TestOptions): Promise<{ readonly networks: Networks } & AsyncDisposable>;
}

export interface TestOptions {
  readonly logger?: Logger;
  readonly nameServerProgram?: string;
}

export async function createTestMachine(): Promise<TestMachine> {
  const original = openSync("/proc/thread-self/ns/net", "r");
  unshare(namespaceFlags.network);
  const namespaces = createThreadNamespaces();
  const roots = [newRoot()];
  const root = roots[0]!;
  const identity = daemonIdentity(root);
  const poolsDirectory = join(root, "pools");
  const state = openTestState();
  const sandboxes: TestSandbox[] = [];
  const sandbox = async () => {
    const made = await startSandbox(namespaces, root);
    sandboxes.push(made);
    return made;
  };
  const outside = await sandbox();
  await linkOutside(outside);
  const start = (who: DaemonIdentity, where: State, options: TestOptions) =>
    createNetworks({
      identity: who,
      state: where,
      events: createEvents(where, systemClock),
      clock: systemClock,
      logger: silentLogger,
      namespaces,
      poolsDirectory,
      ...options,
    });
  return {
    identity,
    state,
    namespaces,
    outside,
    sandbox,
    networks: (options = {}) => start(identity, state, options),
    async neighbour(options = {}) {
      roots.push(newRoot());
      const theirState = openTestState();
      const networks = await start(daemonIdentity(roots.at(-1)!), theirState, options);
      return {
        networks,
        async [Symbol.asyncDispose]() {
          await networks.close({ keep: false });
          theirState.close();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const one of sandboxes) await one.end();
      state.close();
      setns(original, namespaceFlags.network);
      closeSync(original);
      for (const one of roots) rmSync(one, { recursive: true, force: true });
    },
  };
}

function newRoot(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "virga-networks-")));
}

function openTestState(): State {
  return openState(":memory:", [...eventMigrations, ...networkMigrations]);
}

async function linkOutside(outside: TestSandbox): Promise<void> {
  const lines = [
    "link set lo up",
    `link add uplink type veth peer name eth0 netns ${outside.pid}`,
    "addr add 198.51.100.1/24 dev uplink",
    "link set uplink up",
    "route add default via 198.51.100.2",
  ];
  await runChecked(["ip", "-batch", "-"], { stdin: lines.join("\n") });
  for (const command of ["link set lo up", "addr add 198.51.100.2/24 dev eth0", "link set eth0 up"]) {
    await outside.run(["ip", ...command.split(" ")]);
  }
}

async function startSandbox(namespaces: ThreadNamespaces, root: string): Promise<TestSandbox> {
  const first = Bun.spawn(["unshare", "-n", "sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  const children = [first];
  const path = `/proc/${first.pid}/ns/net`;
  const host = statSync("/proc/thread-self/ns/net").ino;
  while (statSync(path).ino === host) await Bun.sleep(1);
  const containerId = newId();
  const inside = (command: readonly string[]) =>
    namespaces.inNetwork(path, () => Bun.spawn([...command], { stdout: "pipe", stderr: "pipe" }));
  const sandbox: TestSandbox = {
    containerId,
    pid: first.pid,
    async run(command) {
      const child = inside(command);
      const [stdout, stderr, exitCode] = await Promise.all([
        child.stdout.text(),
        child.stderr.text(),
        child.exited,
      ]);
      return { stdout, stderr, exitCode };
    },
    async serve(text) {
      const folder = join(root, `www-${containerId}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "index.html"), text);
      const server = namespaces.inNetwork(path, () =>
        Bun.spawn(["busybox", "httpd", "-f", "-p", "80", "-h", folder], {
          stdio: ["ignore", "ignore", "ignore"],
        }),
      );
      children.push(server);
      while ((await sandbox.run(["busybox", "wget", "-qO-", "http://127.0.0.1/"])).exitCode !== 0) {
        await Bun.sleep(5);
      }
    },
    async end() {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map((child) => child.exited));
    },
  };
  return sandbox;
}

/** The body of an HTTP answer as the machine itself gets it; undefined when there is none within a second. */
export async function get(url: string, from?: TestSandbox): Promise<string | undefined> {
  const command = ["busybox", "timeout", "1", "busybox", "wget", "-qO-", url];
  const result = await (from ? from.run(command) : run(command));
  return result.exitCode === 0 ? result.stdout : undefined;
}

/** The addresses that a sandbox gets for a name from a DNS server. */
export async function lookUp(from: TestSandbox, name: string, server: string): Promise<string[]> {
  const command = ["busybox", "timeout", "2", "busybox", "nslookup", "-type=a", name, server];
  const { stdout } = await from.run(command);
  return [...stdout.matchAll(/^Address: (\S+)$/gm)]
    .map((match) => match[1]!)
    .filter((address) => !address.includes(":53"));
}
