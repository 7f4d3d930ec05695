import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, ManualClock, newId, silentLogger } from "../base/index.ts";
import {
  createEvents,
  eventMigrations,
  type Events,
  type EventType,
  type VirgaEvent,
} from "../events/index.ts";
import { daemonIdentity, namespaceFlags, unshare } from "../host/index.ts";
import type { Image, ImageProcess } from "../images/index.ts";
import type { OverlayMount } from "../layers/index.ts";
import type {
  Endpoint,
  EndpointSpec,
  Network,
  PortMapping,
  RunningSandboxes,
  Sandbox,
} from "../networks/index.ts";
import { openState } from "../state/index.ts";
import type { Volume, VolumeSpec } from "../volumes/index.ts";
import { createContainers, type ContainersService } from "./containers.ts";
import type { ContainersDependencies } from "./engine.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { readHostFacts } from "./oci/index.ts";
import { containerMigrations } from "./store.ts";

export { FakeRuntime, FakeStreams, type FakeExec } from "./fake-runtime.ts";

/** Endpoints and ports in memory; `calls` tells what was asked. */
export class FakeNetworks {
  readonly calls: string[] = [];
  readonly endpoints = new Map<string, Endpoint>();
  readonly attached = new Set<string>();
  readonly published = new Map<string, readonly PortMapping[]>();
  readonly failures = new Map<string, Error>();
  /** A call that never returns: the daemon dies in the middle of it. */
  stuck: "reserve" | "release" | undefined;
  /** The networks that there are. */
  readonly known = new Set(["bridge", "front", "back"]);
  /** Of the last attach. */
  order: readonly string[] | undefined;
  reconciled: ReturnType<RunningSandboxes["running"]> = [];
  #next = 2;

  #called(name: string, ...rest: unknown[]): void {
    this.calls.push([name, ...rest].join(" "));
    const failure = this.failures.get(name);
    this.failures.delete(name);
    if (failure) throw failure;
  }
  resolve = (name: string): Network => {
    if (!this.known.has(name.replace(/^net-/, ""))) {
      throw fail("not-found", "network.not-found", `network ${name} not found`);
    }
    const bare = name.replace(/^net-/, "");
    return {
      id: `net-${bare}`,
      name: bare,
      driver: "bridge",
      internal: false,
      attachable: true,
      enableIpv6: false,
      labels: {},
      options: {},
      subnets: [{ subnet: "10.0.0.0/24", gateway: "10.0.0.1" }],
      bridge: `br-${bare}`,
      createdAt: new Date(0),
      builtin: bare === "bridge",
    };
  };
  list = () => [...this.known].map((name) => this.resolve(name));
  endpointsOf = (id: string) => [...this.endpoints.values()].filter((one) => one.networkId === id);
  async reserve(spec: EndpointSpec): Promise<Endpoint> {
    this.#called("reserve", spec.networkId);
    if (this.stuck === "reserve") await new Promise(() => {});
    const { networkId, containerId, names } = spec;
    const ipv4 = spec.ipv4 ?? `10.0.0.${this.#next++}`;
    const endpoint = {
      id: newId(),
      networkId,
      containerId,
      names,
      mac: "02:00:00:00:00:01",
      ipv4,
      ipv4PrefixLength: 24,
    };
    this.endpoints.set(endpoint.id, endpoint);
    return endpoint;
  }
  async release(id: string) {
    this.#called("release");
    if (this.stuck === "release") await new Promise(() => {});
    if (this.attached.has(id)) throw fail("conflict", "network.endpoint-in-use", "in use");
    this.endpoints.delete(id);
  }
  async rename(id: string, names: readonly string[]) {
    this.#called("rename", names.join(","));
    const endpoint = { ...this.endpoints.get(id)!, names };
    this.endpoints.set(id, endpoint);
    return endpoint;
  }
  async attach(
    _sandbox: Sandbox,
    endpoints: readonly Endpoint[],
    options?: { readonly order?: readonly string[] },
  ) {
    this.#called("attach");
    this.order = options?.order;
    for (const { id } of endpoints) this.attached.add(id);
    return endpoints.map((endpoint, index) => ({ endpoint, interfaceName: `eth${index}` }));
  }
  async detach(_sandbox: Sandbox, endpoints: readonly Endpoint[]) {
    this.#called("detach");
    for (const { id } of endpoints) this.attached.delete(id);
  }
  async publish(containerId: string, _endpoint: Endpoint, ports: readonly PortMapping[]) {
    this.#called("publish");
    const chosen = ports.map((port) => ({ ...port, hostPort: port.hostPort || 40_000 }));
    this.published.set(containerId, chosen);
    return chosen;
  }
  async unpublish(containerId: string) {
    this.#called("unpublish");
    this.published.delete(containerId);
  }
  resolvConf = () => "nameserver 10.0.0.1\n";
  async reconcile(sandboxes: RunningSandboxes) {
    this.reconciled = sandboxes.running();
  }
}

/** Volumes as plain folders. */
export class FakeVolumes {
  readonly volumes = new Map<string, Volume>();
  readonly seeded: string[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }
  async create(spec: VolumeSpec): Promise<Volume> {
    const name = spec.name ?? newId();
    const path = join(this.#folder, name);
    await mkdir(path, { recursive: true });
    const volume: Volume = {
      name,
      driver: "local",
      options: {},
      labels: spec.labels ?? {},
      anonymous: spec.anonymous ?? spec.name === undefined,
      createdAt: new Date(0),
      path,
    };
    this.volumes.set(name, volume);
    return volume;
  }
  get(name: string): Volume {
    const volume = this.volumes.get(name);
    if (!volume) throw fail("not-found", "volume.not-found", `get ${name}: no such volume`);
    return volume;
  }
  async remove(name: string) {
    this.volumes.delete(name);
  }
  /** Users by volume. */
  readonly users = new Map<string, Set<string>>();
  async acquire(name: string, user: string) {
    this.users.set(name, (this.users.get(name) ?? new Set()).add(user));
    return this.get(name).path;
  }
  async release(name: string, user: string) {
    this.users.get(name)?.delete(user);
  }
  adopt(name: string, user: string) {
    void this.acquire(name, user);
  }
  async sweep() {}
  async seed(name: string, imagePath: string) {
    this.seeded.push(`${name} ${imagePath}`);
  }
}

/** Root filesystems that are plain folders; `mounted` tells which ones are in use. */
export class FakeLayers {
  readonly mounted = new Set<string>();
  /** Folders that every root filesystem has. */
  folders: readonly string[] = ["etc"];

  async mount({ directory }: OverlayMount): Promise<string> {
    if (this.mounted.has(directory)) throw new Error(`${directory} is mounted already`);
    for (const folder of this.folders) await mkdir(join(directory, "merged", folder), { recursive: true });
    this.mounted.add(directory);
    return `${directory}/merged`;
  }
  async unmount(directory: string): Promise<void> {
    this.mounted.delete(directory);
  }
  stat = (diffId: `sha256:${string}`) => ({ diffId, size: 1000 });
  changes = async () => [];
  async commit(): Promise<never> {
    throw fail("unimplemented", "fake", "no layers here");
  }
}

/** An image called `busybox`. */
export class FakeImages {
  process: ImageProcess = { Cmd: ["sh"], Env: ["PATH=/bin"] };
  readonly id = `sha256:${"1".repeat(64)}` as const;

  resolve(name: string): Image {
    if (name !== "busybox" && name !== this.id) {
      throw fail("not-found", "image.not-found", `No such image: ${name}`);
    }
    return {
      id: this.id,
      manifest: { mediaType: "", digest: this.id, size: 0 },
      config: {
        architecture: "amd64",
        os: "linux",
        config: this.process,
        rootfs: { type: "layers", diff_ids: [`sha256:${"2".repeat(64)}`] },
      },
      layers: [],
      digests: [],
      references: ["docker.io/library/busybox:latest"],
      size: 1000,
      storedAt: new Date(0),
    };
  }
  admitted(name: string): Image {
    return this.resolve(name);
  }
  async create(): Promise<never> {
    throw fail("unimplemented", "fake", "no images here");
  }
}

/** The service on fakes, in a folder of its own; time moves by hand. */
export interface TestContainers extends AsyncDisposable {
  containers: ContainersService;
  readonly clock: ManualClock;
  readonly runtime: FakeRuntime;
  readonly networks: FakeNetworks;
  readonly volumes: FakeVolumes;
  readonly layers: FakeLayers;
  readonly images: FakeImages;
  /** `action`, or `action: detail`, of every event of a container so far. */
  readonly events: string[];
  readonly seen: VirgaEvent[];
  readonly root: string;
  /** Nothing can be written to the database any more, or can again. */
  diskFull(full: boolean): void;
  /** The daemon dies and comes back: a new service on the same state and machine. */
  crash(): Promise<void>;
  /** Lets what is due happen, as far as that goes by itself. */
  settle(): Promise<void>;
  /** Settles until `done` is true; throws when that takes longer than any machine needs. */
  until(done: () => boolean): Promise<void>;
}

/** Real files are written on the way, and that takes turns of the event loop, not time. */
function patience(root: string, clock: ManualClock): Pick<TestContainers, "settle" | "until"> {
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) {
      await stat(root);
      await clock.advance(0);
    }
  };
  return {
    settle,
    async until(done) {
      const deadline = performance.now() + 5000;
      while (!done()) {
        if (performance.now() > deadline) throw new Error(`not so within 5 s: ${done.toString()}`);
        await settle();
      }
    },
  };
}

export async function testContainers(): Promise<TestContainers> {
  // As in the daemon: the main thread alone enters a container's root.
  unshare(namespaceFlags.fs);
  const root = await mkdtemp(join(tmpdir(), "virga-containers-"));
  const clock = new ManualClock();
  const state = openState(":memory:", [...eventMigrations, ...containerMigrations]);
  const seen: VirgaEvent[] = [];
  const parts = {
    clock,
    runtime: new FakeRuntime(clock),
    networks: new FakeNetworks(),
    volumes: new FakeVolumes(join(root, "volumes")),
    layers: new FakeLayers(),
    images: new FakeImages(),
  };
  const dependencies: ContainersDependencies = {
    ...parts,
    identity: daemonIdentity(root),
    state,
    events: recording(createEvents(state, clock), seen),
    logger: silentLogger,
    archives: {
      extract: () => Promise.reject(fail("unimplemented", "fake", "no archives here")),
      create: () => new ReadableStream<Uint8Array>(),
    },
    host: readHostFacts(),
    initPath: "/usr/bin/catatonit",
  };
  const waiting = patience(root, clock);
  const test: TestContainers = {
    ...parts,
    containers: createContainers(dependencies),
    seen,
    get events() {
      return seen
        .filter((event) => event.type === "container")
        .map((event) => (event.detail === undefined ? event.action : `${event.action}: ${event.detail}`));
    },
    root,
    ...waiting,
    diskFull: (full) => void state.db.run(`PRAGMA query_only = ${full ? "ON" : "OFF"}`),
    async crash() {
      await test.containers.close();
      parts.networks.attached.clear();
      test.containers = createContainers(dependencies);
      await test.containers.recover();
      await waiting.settle();
    },
    async [Symbol.asyncDispose]() {
      await test.containers.close();
      state.close();
      await rm(root, { recursive: true, force: true });
    },
  };
  await test.containers.recover();
  return test;
}

function recording(events: Events, seen: VirgaEvent[]): Events {
  let sequence = 0;
  return {
    emit<T extends EventType>(
      type: T,
      action: VirgaEvent<T>["action"],
      id: string,
      attributes: Readonly<Record<string, string>> = {},
      detail?: string,
    ) {
      const event = { sequence: ++sequence, type, action, id, attributes, timeNs: 0n };
      seen.push(detail === undefined ? event : { ...event, detail });
      events.emit(type, action, id, attributes, detail);
    },
    subscribe: (filter, signal) => events.subscribe(filter, signal),
  };
}
