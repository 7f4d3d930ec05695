import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fail, ManualClock, newId, silentLogger, type Progress } from "../base/index.ts";
import type { BuildRequest } from "../builds/index.ts";
import type {
  Container,
  ContainerSpec,
  Health,
  LogLine,
  LogOptions,
  MountSpec,
  ResolvedMount,
  Stopped,
} from "../containers/index.ts";
import { createEvents, eventMigrations, type Events } from "../events/index.ts";
import type { Image, ImageProcess } from "../images/index.ts";
import type { Network, NetworkSpec } from "../networks/index.ts";
import { openState } from "../state/index.ts";
import type { Volume, VolumeSpec } from "../volumes/index.ts";
import { stackLabels } from "./labels.ts";
import type { StackSource, Stacks } from "./stack.ts";
import { createStacks } from "./stacks.ts";

/** How the containers of a service behave once they are started. */
export interface Behaviour {
  /** Ends after `afterMs` with this code; without it the container runs on. */
  readonly exitCode?: number;
  readonly afterMs?: number;
  /** Its check says this after `afterMs`. */
  readonly health?: "healthy" | "unhealthy";
  readonly output?: readonly string[];
}

/** Images, networks, volumes and containers in memory, without a machine under them. `calls` tells what was done. */
export class FakeMachine {
  readonly calls: string[] = [];
  readonly behaviours = new Map<string, Behaviour>();
  /** Thrown by the next call that begins with this text. */
  readonly failures = new Map<string, Error>();
  readonly clock = new ManualClock();
  readonly events: Events;
  readonly images = new FakeImages(this);
  readonly builds = {
    build: async (request: BuildRequest, options: { readonly signal?: AbortSignal }) => {
      const [reference = ""] = request.tags ?? [];
      this.called(`build ${reference}`);
      await this.clock.sleep(1000, options.signal);
      const { id } = this.images.add(reference, {}, request.labels ?? {});
      return { imageId: id, warnings: [], checks: [] };
    },
  };
  readonly networks = new FakeNetworks(this);
  readonly volumes = new FakeVolumes(this);
  readonly containers = new FakeContainers(this);
  readonly #state = openState(":memory:", eventMigrations);

  constructor() {
    this.events = createEvents(this.#state, this.clock);
  }

  called(call: string): void {
    this.calls.push(call);
    for (const [start, error] of this.failures) {
      if (!call.startsWith(start)) continue;
      this.failures.delete(start);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#state.close();
  }
}

class FakeImages {
  readonly stored = new Map<string, Image>();
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  add(reference: string, process: ImageProcess = {}, labels: Readonly<Record<string, string>> = {}): Image {
    const id = `sha256:${newId()}` as const;
    const image: Image = {
      id,
      manifest: { mediaType: "", digest: id, size: 0 },
      config: {
        architecture: "amd64",
        os: "linux",
        config: { ...process, Labels: labels },
        rootfs: { type: "layers", diff_ids: [] },
      },
      layers: [],
      references: [`docker.io/library/${reference}:latest`],
      digests: [],
      size: 0,
      storedAt: new Date(0),
    };
    this.stored.set(reference, image);
    return image;
  }
  resolve = (name: string) => {
    const bare = name.replace(/^docker\.io\/library\/(.*):latest$/, "$1");
    const image = this.stored.get(bare);
    if (!image) throw fail("not-found", "image.not-found", `No such image: ${name}`);
    return image;
  };
  list = () => [...this.stored.values()];
  ensure = async (name: string) => {
    this.#machine.called(`pull ${name}`);
    return this.stored.get(name) ?? this.add(name);
  };
  remove = async (name: string) => {
    this.#machine.called(`rmi ${name}`);
    this.stored.delete(name.replace(/^docker\.io\/library\/(.*):latest$/, "$1"));
    return { untagged: [], deleted: [] };
  };
}

class FakeNetworks {
  readonly stored = new Map<string, Network>();
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  create = async (spec: NetworkSpec): Promise<Network> => {
    this.#machine.called(`network create ${spec.name}`);
    const network: Network = {
      id: newId(),
      name: spec.name,
      driver: "bridge",
      internal: spec.internal ?? false,
      attachable: true,
      enableIpv6: false,
      labels: spec.labels ?? {},
      options: {},
      subnets: [],
      createdAt: new Date(0),
      builtin: false,
    };
    this.stored.set(spec.name, network);
    return network;
  };
  list = () => [...this.stored.values()];
  remove = async (name: string) => {
    this.#machine.called(`network rm ${name}`);
    this.stored.delete(name);
  };
}

class FakeVolumes {
  readonly stored = new Map<string, Volume>();
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  create = async (spec: VolumeSpec): Promise<Volume> => {
    const name = spec.name ?? newId();
    if (spec.name !== undefined) this.#machine.called(`volume create ${name}`);
    const volume: Volume = {
      name,
      driver: "local",
      options: {},
      labels: spec.labels ?? {},
      anonymous: spec.name === undefined,
      createdAt: new Date(0),
      path: `/volumes/${name}`,
    };
    this.stored.set(name, volume);
    return volume;
  };
  list = () => [...this.stored.values()];
  remove = async (name: string) => {
    this.#machine.called(`volume rm ${name}`);
    this.stored.delete(name);
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class FakeContainers {
  readonly stored = new Map<string, Mutable<Container>>();
  readonly output = new Map<string, LogLine[]>();
  readonly #machine: FakeMachine;

  constructor(machine: FakeMachine) {
    this.#machine = machine;
  }

  async #mount(mount: MountSpec): Promise<ResolvedMount> {
    const { images, volumes } = this.#machine;
    if (mount.type === "tmpfs") return { type: "tmpfs" as const, target: mount.target, options: [] };
    if (mount.type === "image") {
      const { id, config } = images.resolve(mount.source);
      return { ...mount, imageId: id, layers: config.rootfs.diff_ids };
    }
    const common = { target: mount.target, readOnly: mount.readOnly ?? false };
    if (mount.type === "bind") {
      return {
        ...common,
        type: "bind" as const,
        source: mount.source,
        propagation: "rprivate",
        recursive: true,
      };
    }
    const volume =
      volumes.stored.get(mount.name ?? "") ??
      (await volumes.create(mount.name === undefined ? {} : { name: mount.name }));
    return {
      ...common,
      type: "volume" as const,
      name: volume.name,
      source: volume.path,
      anonymous: mount.name === undefined,
      noCopy: false,
    };
  }

  create = async (spec: ContainerSpec) => {
    this.#machine.called(`create ${spec.name}`);
    const { images, networks, clock } = this.#machine;
    const image = images.resolve(spec.image);
    const mounts = await Promise.all(
      [...(spec.mounts ?? []), ...imageVolumes(image, spec)].map((mount) => this.#mount(mount)),
    );
    const container: Mutable<Container> = {
      id: newId(),
      name: spec.name ?? "unnamed",
      createdAt: clock.now(),
      imageId: image.id,
      spec,
      process: {},
      state: { status: "created" },
      restartCount: 0,
      stoppedByUser: false,
      mounts,
      endpoints: Object.keys(spec.network?.endpoints ?? {}).map((name) => ({
        id: newId(),
        networkId: networks.stored.get(name)?.id ?? name,
        containerId: "",
        mac: "",
        ipv4: "",
        ipv4PrefixLength: 24,
        names: [],
      })),
      publishedPorts: [],
      folder: "",
      logPath: undefined,
    };
    this.stored.set(container.id, container);
    return { container, warnings: [] };
  };

  #find(name: string): Mutable<Container> {
    const found = this.stored.get(name) ?? [...this.stored.values()].find((one) => one.name === name);
    if (!found) throw fail("not-found", "container.not-found", `No such container: ${name}`);
    return found;
  }

  start = async (name: string) => {
    const container = this.#find(name);
    this.#machine.called(`start ${container.name}`);
    const { clock, behaviours, events } = this.#machine;
    const service = container.spec.labels?.[stackLabels.service] ?? "";
    const behaviour = behaviours.get(service) ?? {};
    container.state = { status: "running", pid: 1, startedAt: clock.now(), paused: false };
    container.publishedPorts = container.spec.network?.ports ?? [];
    for (const text of behaviour.output ?? []) this.write(container.id, text);
    events.emit("container", "start", container.id, { name: container.name, ...container.spec.labels });
    const health = (status: Health["status"], output = "") => {
      const log = output === "" ? [] : [{ start: clock.now(), end: clock.now(), exitCode: 1, output }];
      container.health = { status, failingStreak: 0, log };
    };
    if (behaviour.health) health("starting");
    if (behaviour.health === undefined && behaviour.exitCode === undefined) return;
    void clock.sleep(behaviour.afterMs ?? 0).then(() => {
      if (behaviour.health)
        health(behaviour.health, behaviour.health === "unhealthy" ? "connection refused" : "");
      if (behaviour.exitCode !== undefined) this.#end(container, behaviour.exitCode);
    });
  };
  #end(container: Mutable<Container>, exitCode: number): void {
    if (container.state.status !== "running") return;
    const finishedAt = this.#machine.clock.now();
    const { startedAt } = container.state;
    container.state = { status: "exited", startedAt, finishedAt, exitCode, oomKilled: false };
  }
  /** What each stop answers. */
  stopped: Stopped = {};
  stop = async (name: string): Promise<Stopped> => {
    const container = this.#find(name);
    if (container.state.status !== "running")
      throw fail("not-modified", "container.stopped", "it is stopped");
    this.#machine.called(`stop ${container.name}`);
    this.#end(container, 137);
    return this.stopped;
  };
  remove = async (name: string, options: { readonly volumes?: boolean } = {}) => {
    const container = this.#find(name);
    this.#machine.called(`rm ${container.name}${options.volumes ? " with volumes" : ""}`);
    this.stored.delete(container.id);
  };
  rename = async (name: string, newName: string) => {
    const container = this.#find(name);
    this.#machine.called(`rename ${container.name} ${newName}`);
    container.name = newName;
  };
  get = (name: string): Container => ({ ...this.#find(name) });
  list = (): Container[] => [...this.stored.values()].map((one) => ({ ...one }));

  /** Adds a line to a container's log, now. */
  write(id: string, text: string): void {
    const lines = this.output.get(id) ?? [];
    const time = `${this.#machine.clock.now().toISOString().slice(0, -1)}000000Z`;
    lines.push({ stream: "stdout", time, data: new TextEncoder().encode(`${text}\n`) });
    this.output.set(id, lines);
  }
  /** As far as it goes: with `follow`, until the container is not running. */
  logs = (name: string, options: LogOptions, signal: AbortSignal) =>
    this.#logs(this.#find(name), options, signal);
  async *#logs(
    container: Container,
    options: LogOptions,
    signal: AbortSignal,
  ): AsyncIterableIterator<LogLine> {
    let next =
      options.tail === undefined
        ? 0
        : Math.max(0, (this.output.get(container.id)?.length ?? 0) - options.tail);
    for (;;) {
      const lines = this.output.get(container.id) ?? [];
      while (next < lines.length && !signal.aborted) yield lines[next++]!;
      if (!options.follow || signal.aborted) return;
      if (this.stored.get(container.id)?.state.status !== "running") return;
      await this.#machine.clock.sleep(10, signal).catch(() => {});
    }
  }
}

function imageVolumes(
  image: Image,
  spec: ContainerSpec,
): { type: "volume"; target: string; name?: string; readOnly?: boolean }[] {
  const mounted = new Set((spec.mounts ?? []).map((mount) => mount.target));
  return Object.keys(image.config.config?.Volumes ?? {})
    .filter((target) => !mounted.has(target))
    .map((target) => ({ type: "volume", target }));
}

/** Stacks on a fake machine, with a folder for their files. */
export interface TestStacks extends AsyncDisposable {
  readonly stacks: Stacks;
  readonly machine: FakeMachine;
  readonly directory: string;
  readonly progress: Progress[];
  /** Writes files below `directory`. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  source(more?: Partial<StackSource>): StackSource;
  readonly context: { readonly report: (progress: Progress) => void; readonly signal: AbortSignal };
  /** Moves the clock until `work` has ended. */
  drive<T>(work: Promise<T>): Promise<T>;
}

export async function testStacks(): Promise<TestStacks> {
  const root = await mkdtemp(join(tmpdir(), "virga-stacks-"));
  const machine = new FakeMachine();
  const directory = join(root, "shop");
  await mkdir(directory);
  const progress: Progress[] = [];
  const { clock, events, images, builds, networks, volumes, containers } = machine;
  const parts = { clock, events, images, builds, networks, volumes, containers };
  const stacks = createStacks({ ...parts, logger: silentLogger, directory: join(root, "stacks") });
  return {
    stacks,
    machine,
    directory,
    progress,
    async write(files) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(directory, name)), { recursive: true });
        await writeFile(join(directory, name), text);
      }
    },
    source: (more = {}) => ({ directory, files: [], profiles: [], environment: {}, ...more }),
    context: { report: (one) => void progress.push(one), signal: new AbortController().signal },
    async drive(work) {
      const done = { yet: false };
      const ended = work.finally(() => (done.yet = true));
      ended.catch(() => {});
      const deadline = performance.now() + 10_000;
      while (!done.yet) {
        if (performance.now() > deadline) throw new Error("not done within 10 s");
        await machine.clock.advance(50);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return await ended;
    },
    async [Symbol.asyncDispose]() {
      machine[Symbol.dispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}
