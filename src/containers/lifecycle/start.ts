import { writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { posix } from "node:path";
import { errnoOf, fail, isVirgaError, messageOf, toVirgaError } from "../../base/index.ts";
import type { AttachedEndpoint, PortMapping } from "../../networks/index.ts";
import type { OciConfig, TaskLog } from "../../runtimes/index.ts";
import type { Container, ContainerState } from "../container.ts";
import { applyEndpointSettings } from "../connections/endpoint-options.ts";
import { emit, setStatus, type Engine } from "../engine.ts";
import { rewriteEtcFiles, sharedEtcFiles, writeEtcFiles } from "../connections/etc-files.ts";
import { startHealth, withFreshHealth } from "../health/health.ts";
import { forwardLog } from "../logs/forward.ts";
import { resolveInside } from "../files/inside.ts";
import { linkedTo, linkersOf } from "../connections/links.ts";
import { logLimits } from "../logs/rotation.ts";
import { openSources } from "../files/mount-sources.ts";
import { joinMissingNetworks } from "../connections/missing-networks.ts";
import { networkMode, portsToPublish, type NetworkMode } from "../connections/network-mode.ts";
import { buildOciConfig, resolveUser, type NetworkNamespace } from "../oci/index.ts";
import { setContainer, type Dock, type Entry } from "../registry.ts";
import { forgetTask } from "./task.ts";
import { openSharedMemory } from "../files/shared-memory.ts";
import { together } from "./together.ts";
import { announceUses } from "./use-events.ts";

/**
 * Brings a container to running; the caller holds its lock and has checked that it may. The row says `running` before
 * the first process does: after a crash in between, `recover` finds a created task and lets it go.
 * When it fails everything is undone, and the state keeps the reason and Docker's exit code for it.
 */
export async function startContainer(engine: Engine, entry: Entry): Promise<void> {
  void engine.runtime.warmUp();
  const before = entry.record.container.state;
  try {
    await bringUp(engine, entry);
  } catch (error) {
    for (const dock of entry.docked) dock.bind(undefined);
    entry.docked.clear();
    entry.stopping = undefined;
    keepReason(engine, entry, failedState(before, error));
    throw error;
  }
  entry.stopping = undefined;
  announceUses(engine, entry, "taken");
  emit(engine, entry, "start");
  startHealth(engine, entry);
  forwardLog(engine, entry);
  refreshLinks(engine, entry);
}

/** Also takes back a `running` in the row. When even that cannot be written, `recover` finds no task and sees it. */
function keepReason(engine: Engine, entry: Entry, state: ContainerState): void {
  try {
    setStatus(engine, entry, { state, publishedPorts: [] });
  } catch (error) {
    setContainer(entry, { state, publishedPorts: [] });
    engine.logger.error("the state of a container could not be stored", { error });
  }
}

async function bringUp(engine: Engine, entry: Entry): Promise<void> {
  const { id } = entry.record.container;
  await using undo = new AsyncDisposableStack();
  await forgetTask(engine, entry);
  await joinMissingNetworks(engine, entry);
  const mode = networkMode(entry.record.container.spec.network);
  const [task, ports] = await together([
    createTask(engine, entry, mode, undo),
    publishPorts(engine, entry, mode, undo),
  ]);
  const { state: before } = entry.record.container;
  const running: ContainerState = {
    status: "running",
    pid: task.pid,
    startedAt: engine.clock.now(),
    paused: false,
    ...("finishedAt" in before ? { finishedAt: before.finishedAt } : {}),
  };
  const fields: Partial<Container> = { state: running, publishedPorts: ports, stoppedByUser: false };
  const previous = entry.record;
  const record = {
    ...previous,
    attached: task.attached,
    container: withFreshHealth({ ...previous.container, ...fields }),
  };
  engine.store.saveStatus(record);
  await engine.runtime.start(id);
  entry.record = record;
  entry.config = task.config;
  undo.move();
}

interface Task {
  readonly pid: number;
  readonly config: OciConfig;
  readonly attached: readonly AttachedEndpoint[];
}

async function createTask(
  engine: Engine,
  entry: Entry,
  mode: NetworkMode,
  undo: AsyncDisposableStack,
): Promise<Task> {
  const { record } = entry;
  const { id, spec, process } = record.container;
  const owner = mode.kind === "container" ? runningOwner(engine, mode.container) : undefined;
  const linked = linkedTo(record.container, engine);
  const [rootfs, etc] = await together([
    acquireRootfs(engine, entry, undo),
    owner
      ? Promise.resolve(sharedEtcFiles(record.container, owner.container))
      : writeEtcFiles(record.container, engine.networks, linked.hosts),
  ]);
  await using temporary = new AsyncDisposableStack();
  const mounts = await openSources(engine, record.container, id, undo, temporary);
  leaveMark(engine, rootfs);
  if (record.container.state.status === "created") await seedVolumes(engine, record.container, rootfs);
  const sharedMemory = openSharedMemory(record.container, engine.registry, undo);
  const { config, warnings } = buildOciConfig({
    id,
    spec,
    process,
    user: resolveUser(rootfs, process.User ?? "", spec.security?.groupAdd ?? []),
    rootfs,
    mounts,
    etc,
    network: owner ? { kind: "path", path: `/proc/${owner.pid}/ns/net` } : namespaceOf(mode),
    cgroupPath: cgroupPathOf(engine, record.container),
    host: engine.host,
    ...(engine.initPath === undefined ? {} : { initPath: engine.initPath }),
    ...(sharedMemory === undefined ? {} : { sharedMemory }),
    linkedEnv: linked.env,
    pidOf: (other) => pidOf(engine, other),
  });
  for (const warning of warnings) engine.logger.warn(warning, { container: id });
  const { pid } = await engine.runtime.create({
    id,
    bundle: `${record.container.folder}/bundle`,
    config,
    runtime: spec.runtime ?? engine.defaultRuntime,
    log: taskLog(record.container),
    tty: spec.tty ?? false,
    stdin: spec.openStdin ?? false,
    // A terminal stays open for the next client, as with Docker: one may detach and attach again.
    stdinOnce: spec.stdinOnce === true && spec.tty !== true,
  });
  undo.defer(() => engine.runtime.delete(id, true));
  const [attached] = await together([attachNetworks(engine, entry, pid, undo), bindDocks(engine, entry)]);
  return { pid, config, attached };
}

/** From the top of each hierarchy, wherever the daemon itself is. */
function cgroupPathOf(engine: Engine, { id, spec }: Container): string {
  const parent = spec.resources?.cgroupParent ?? engine.identity.cgroupParent;
  return posix.join("/", parent, id);
}

/** Those that have a name of their own for it learn its address; what is linked on the default bridge ran before. */
function refreshLinks(engine: Engine, entry: Entry): void {
  for (const linker of linkersOf(entry.record.container, engine)) {
    engine.background.run("a link could not be brought up to date", async () => {
      await rewriteEtcFiles(linker, engine.networks, linkedTo(linker, engine).hosts);
    });
  }
}

/** Programs look for this file of Docker's to know that they are in a container. */
function leaveMark(engine: Engine, rootfs: string): void {
  try {
    writeFileSync(`${rootfs}/.dockerenv`, "", { flag: "wx", mode: 0o755 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST")
      engine.logger.debug("/.dockerenv could not be made", { error: messageOf(error) });
  }
}

async function acquireRootfs(engine: Engine, entry: Entry, undo: AsyncDisposableStack): Promise<string> {
  const { record } = entry;
  const rootfs = await engine.rootfs.acquire(record);
  undo.defer(() => engine.rootfs.release(record));
  return rootfs;
}

async function attachNetworks(
  engine: Engine,
  entry: Entry,
  pid: number,
  undo: AsyncDisposableStack,
): Promise<readonly AttachedEndpoint[]> {
  const { id, endpoints } = entry.record.container;
  if (endpoints.length === 0) return [];
  const sandbox = { containerId: id, pid };
  const attached = await engine.networks.attach(sandbox, endpoints);
  undo.defer(() => engine.networks.detach(sandbox, endpoints));
  await applyEndpointSettings(pid, attached, entry.record.container.spec, engine.networks);
  return attached;
}

async function publishPorts(
  engine: Engine,
  entry: Entry,
  mode: NetworkMode,
  undo: AsyncDisposableStack,
): Promise<readonly PortMapping[]> {
  const { id, spec, process, endpoints } = entry.record.container;
  const ports = mode.kind === "own" ? portsToPublish(spec, process) : [];
  // Nothing from outside reaches an internal network.
  const endpoint =
    endpoints.find(({ networkId }) => !engine.networks.resolve(networkId).internal) ?? endpoints[0];
  if (ports.length === 0 || !endpoint) return [];
  const published = await engine.networks.publish(id, endpoint, ports);
  undo.defer(() => engine.networks.unpublish(id));
  return published;
}

/** Clients that attached before the start get the streams before the process can write. */
async function bindDocks(engine: Engine, entry: Entry): Promise<void> {
  const bind = async (dock: Dock) => {
    dock.bind(await engine.runtime.attach(entry.record.container.id, { stdin: dock.stdin }));
  };
  await together([...entry.docked].map(bind));
  entry.docked.clear();
}

/** Docker copies what the image has at a volume's path into a volume that is still empty, once. */
async function seedVolumes(engine: Engine, container: Container, rootfs: string): Promise<void> {
  for (const mount of container.mounts) {
    if (mount.type !== "volume" || mount.noCopy || mount.subpath !== undefined) continue;
    if ((await readdir(mount.source)).length > 0) continue;
    const source = resolveInside(rootfs, mount.target);
    if (source?.type === "directory") await engine.volumes.seed(mount.name, `${rootfs}${source.path}`);
  }
}

function namespaceOf(mode: NetworkMode): NetworkNamespace {
  return { kind: mode.kind === "host" ? "host" : "new" };
}

function runningOwner(engine: Engine, id: string): { readonly container: Container; readonly pid: number } {
  const { container } = engine.registry.resolve(id).record;
  const mode = networkMode(container.spec.network);
  if (container.state.status === "running") {
    return mode.kind === "container"
      ? runningOwner(engine, mode.container)
      : { container, pid: container.state.pid };
  }
  throw fail(
    "conflict",
    "container.not-running",
    `cannot join network namespace of a non running container: container ${container.name} is ${container.state.status}`,
    { hint: `virga start ${container.name}` },
  );
}

function pidOf(engine: Engine, name: string): number | undefined {
  const { state } = engine.registry.resolve(name).record.container;
  return state.status === "running" ? state.pid : undefined;
}

function taskLog(container: Container): TaskLog {
  if (container.logPath === undefined) return { kind: "none" };
  return { kind: "file", path: container.logPath, maxBytes: logLimits(container.spec).backstop };
}

/** Docker's exit codes for a command that never ran: 127 not found, 126 cannot be run, 128 anything else. */
function failedState(before: ContainerState, error: unknown): ContainerState {
  const code = isVirgaError(error) ? error.code : "";
  const exitCode =
    code === "task.command-not-found" ? 127 : code === "task.command-not-executable" ? 126 : 128;
  const message = messageOf(toVirgaError(error));
  if (before.status === "exited" || before.status === "restarting") {
    const { startedAt, finishedAt } = before;
    return { status: "exited", startedAt, finishedAt, exitCode, oomKilled: false, error: message };
  }
  return { status: "created", error: message, exitCode };
}
