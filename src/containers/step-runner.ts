import { mkdir } from "node:fs/promises";
import { posix } from "node:path";
import { messageOf, shortId } from "../base/index.ts";
import type { DaemonIdentity } from "../host/index.ts";
import type { Endpoint, Networks } from "../networks/index.ts";
import type { Runtime, TaskExit } from "../runtimes/index.ts";
import type { Container, HostMount } from "./container.ts";
import { writeEtcFiles } from "./connections/etc-files.ts";
import { networkMode } from "./connections/network-mode.ts";
import { buildOciConfig, resolveUser, type HostFacts } from "./oci/index.ts";
import type { ContainerSpec } from "./spec.ts";

/** A command in a root filesystem that somebody else has mounted: a RUN step of a build. */
export interface Step {
  /** Of `newId`: names the task, the cgroup and the network endpoint. */
  readonly id: string;
  /** Gets the bundle and the /etc files; made when missing, removed by the caller. */
  readonly folder: string;
  readonly rootfs: string;
  readonly command: readonly string[];
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  /** As in ImageProcess.User. */
  readonly user: string;
  readonly workingDir: string;
  /** `default`, `host`, `none`, or a network's name. */
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  /** Bytes; undefined is the default of containers. */
  readonly shmSize: number | undefined;
  readonly memory: number | undefined;
  /** Default `buildkitsandbox`. */
  readonly hostname?: string;
  readonly ulimits?: NonNullable<ContainerSpec["resources"]>["ulimits"];
  /** From the top of each hierarchy; default: the daemon's. */
  readonly cgroupParent?: string;
  /** As of a container with `--privileged`. */
  readonly privileged?: boolean;
  readonly mounts: readonly HostMount[];
}

/**
 * Runs commands as containers that have no row, no name and no log: they live as long as the call. Throws what
 * Runtime.create and Networks.attach throw; whatever happens, task, cgroup and addresses are gone afterwards.
 */
export interface StepRunner {
  /** Rejects with the signal's reason when it aborts, after the processes have been killed. */
  run(
    step: Step,
    onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly oomKilled: boolean }>;
  /** Takes away what steps of a daemon that was killed have left. */
  sweep(ids: readonly string[]): Promise<void>;
}

export interface StepRunnerDependencies {
  readonly identity: DaemonIdentity;
  readonly networks: Pick<
    Networks,
    "resolve" | "list" | "endpointsOf" | "reserve" | "release" | "attach" | "detach" | "resolvConf"
  >;
  readonly runtime: Pick<Runtime, "create" | "start" | "attach" | "delete" | "onExit">;
  /** Of `readHostFacts`. */
  readonly host: HostFacts;
  /** Default `crun`. */
  readonly defaultRuntime?: string;
}

export function createStepRunner(dependencies: StepRunnerDependencies): StepRunner {
  return {
    run: (step, onOutput, signal) => runStep(dependencies, step, onOutput, signal),
    async sweep(ids) {
      const { networks, runtime } = dependencies;
      const left = networks.list().flatMap((network) => networks.endpointsOf(network.id));
      for (const id of ids) {
        await runtime.delete(id, true);
        for (const endpoint of left.filter((one) => one.containerId === id)) {
          await networks.detach({ containerId: id, pid: 0 }, [endpoint]);
          await networks.release(endpoint.id);
        }
      }
    },
  };
}

async function runStep(
  { identity, networks, runtime, host, defaultRuntime = "crun" }: StepRunnerDependencies,
  step: Step,
  onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<TaskExit> {
  signal?.throwIfAborted();
  await using undo = new AsyncDisposableStack();
  const mode = networkMode({ mode: step.networkMode });
  const [endpoints] = await Promise.all([
    reserve(networks, step, mode.kind === "own" ? mode.networks : [], undo),
    mkdir(step.folder, { recursive: true, mode: 0o700 }),
  ]);
  const container = asContainer(step, endpoints);
  const { config } = buildOciConfig({
    id: step.id,
    spec: container.spec,
    process: container.process,
    user: resolveUser(step.rootfs, step.user, []),
    rootfs: step.rootfs,
    mounts: step.mounts,
    etc: await writeEtcFiles(container, networks),
    network: mode.kind === "host" ? { kind: "host" } : { kind: "new" },
    cgroupPath: posix.join("/", step.cgroupParent ?? identity.cgroupParent, step.id),
    host,
    pidOf: () => undefined,
  });
  const { promise: exited, resolve: exit } = Promise.withResolvers<TaskExit>();
  using _exits = runtime.onExit((id, how) => id === step.id && exit(how));
  const { pid } = await runtime.create(taskOf(step, config, defaultRuntime), signal);
  undo.defer(() => runtime.delete(step.id, true));
  const [streams] = await Promise.all([
    runtime.attach(step.id),
    attach(networks, { containerId: step.id, pid }, endpoints, undo),
  ]);
  undo.defer(() => streams.close());
  const stopped = aborted(signal);
  const reading = readAll(streams.output, onOutput);
  // Whichever of them is not waited for any more may still fail.
  for (const one of [stopped, reading]) one.catch(() => {});
  await runtime.start(step.id);
  const ended = await Promise.race([exited, stopped]);
  await Promise.race([reading, stopped]);
  return ended;
}

function taskOf(step: Step, config: Parameters<Runtime["create"]>[0]["config"], runtime: string) {
  const bundle = `${step.folder}/bundle`;
  const log = { kind: "none" } as const;
  return { id: step.id, bundle, config, runtime, log, tty: false, stdin: false, stdinOnce: false };
}

async function reserve(
  networks: StepRunnerDependencies["networks"],
  step: Step,
  names: readonly string[],
  undo: AsyncDisposableStack,
): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const name of names) {
    const network = networks.resolve(name);
    const endpoint = await networks.reserve({
      networkId: network.id,
      containerId: step.id,
      names: [shortId(step.id)],
    });
    undo.defer(() => networks.release(endpoint.id));
    endpoints.push(endpoint);
  }
  return endpoints;
}

async function attach(
  networks: StepRunnerDependencies["networks"],
  sandbox: { readonly containerId: string; readonly pid: number },
  endpoints: readonly Endpoint[],
  undo: AsyncDisposableStack,
): Promise<void> {
  if (endpoints.length === 0) return;
  await networks.attach(sandbox, endpoints);
  undo.defer(() => networks.detach(sandbox, endpoints));
}

async function readAll(
  output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>,
  onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void,
): Promise<void> {
  for await (const { stream, data } of output) onOutput(stream, data);
}

/** Rejects when the signal aborts, and never otherwise. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const refuse = () =>
      reject(signal!.reason instanceof Error ? signal!.reason : new Error(messageOf(signal!.reason)));
    if (signal?.aborted) refuse();
    else signal?.addEventListener("abort", refuse, { once: true });
  });
}

/** The step in the words of the parts that know containers. */
function asContainer(step: Step, endpoints: readonly Endpoint[]): Container {
  const resources = {
    ...(step.memory === undefined ? {} : { memory: step.memory }),
    ...(step.ulimits === undefined ? {} : { ulimits: step.ulimits }),
  };
  const spec: ContainerSpec = {
    image: "",
    // BuildKit's name: a name by chance would get into files, and into the image.
    hostname: step.hostname ?? "buildkitsandbox",
    extraHosts: step.extraHosts,
    network: { mode: step.networkMode },
    ...(step.shmSize === undefined ? {} : { shmSize: step.shmSize }),
    resources,
    ...(step.privileged ? { security: { privileged: true } } : {}),
  };
  return {
    id: step.id,
    name: shortId(step.id),
    createdAt: new Date(0),
    imageId: "sha256:",
    spec,
    process: { Cmd: step.command, Env: step.env, User: step.user, WorkingDir: step.workingDir },
    state: { status: "created" },
    restartCount: 0,
    stoppedByUser: false,
    mounts: step.mounts,
    endpoints,
    publishedPorts: [],
    folder: step.folder,
    logPath: undefined,
  };
}
