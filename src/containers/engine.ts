import { fail, KeyedLock, type Clock, type Logger } from "../base/index.ts";
import type { EventActions, Events } from "../events/index.ts";
import type { DaemonIdentity } from "../host/index.ts";
import type { Images } from "../images/index.ts";
import type { Archives, LayerStore } from "../layers/index.ts";
import type { Networks } from "../networks/index.ts";
import type { Runtime } from "../runtimes/index.ts";
import type { State } from "../state/index.ts";
import type { Volumes } from "../volumes/index.ts";
import { createBackground, type Background } from "./background.ts";
import type { Container } from "./container.ts";
import type { ExecTable } from "./exec/table.ts";
import { createExecTable } from "./exec/table.ts";
import type { HostFacts } from "./oci/index.ts";
import { createRegistry, setContainer, type Entry, type Registry } from "./registry.ts";
import { createRootfs, type Rootfs } from "./files/rootfs.ts";
import { eventAttributes } from "./state.ts";
import { createContainerStore, type ContainerStore } from "./store.ts";
import { createWaits, type Waits } from "./lifecycle/waits.ts";

/** What the containers service is built on. */
export interface ContainersDependencies {
  readonly identity: DaemonIdentity;
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly images: Pick<Images, "resolve" | "admitted" | "create">;
  readonly layers: Pick<LayerStore, "mount" | "unmount" | "changes" | "commit" | "stat">;
  readonly archives: Archives;
  readonly networks: Pick<
    Networks,
    | "resolve"
    | "list"
    | "endpointsOf"
    | "reserve"
    | "release"
    | "rename"
    | "attach"
    | "detach"
    | "publish"
    | "unpublish"
    | "resolvConf"
    | "reconcile"
  >;
  readonly volumes: Pick<
    Volumes,
    "create" | "get" | "remove" | "seed" | "acquire" | "release" | "adopt" | "sweep"
  >;
  readonly runtime: Runtime;
  /** Of `readHostFacts`. */
  readonly host: HostFacts;
  /** Name of the OCI runtime that containers get who ask for none; default `crun`. */
  readonly defaultRuntime?: string;
  /** Bytes that a container may write that asks for no limit of its own; default: as the disk has. */
  readonly writableLimit?: number;
  /** A statically linked init (catatonit) on the host; without it `init` is refused. */
  readonly initPath?: string;
}

/** The dependencies and what the parts of the service share. */
export interface Engine extends ContainersDependencies {
  readonly registry: Registry;
  readonly store: ContainerStore;
  readonly waits: Waits;
  readonly execs: ExecTable;
  readonly rootfs: Rootfs;
  readonly background: Background;
  readonly locks: KeyedLock;
  readonly defaultRuntime: string;
}

export function createEngine(dependencies: ContainersDependencies): Engine {
  const { identity } = dependencies;
  return {
    ...dependencies,
    registry: createRegistry(),
    store: createContainerStore(dependencies.state, (id) => identity.path("containers", id)),
    waits: createWaits(),
    execs: createExecTable(dependencies.clock),
    rootfs: createRootfs(dependencies.layers),
    background: createBackground(dependencies.logger),
    locks: new KeyedLock(),
    defaultRuntime: dependencies.defaultRuntime ?? "crun",
  };
}

/** Runs `work` as the only one that changes the container. Throws `container.not-found` when it went while this waited. */
export function exclusively<T>(engine: Engine, entry: Entry, work: () => Promise<T>): Promise<T> {
  const { id } = entry.record.container;
  return engine.locks.run(id, async () => {
    if (engine.registry.entries.has(id)) return await work();
    throw fail("not-found", "container.not-found", `No such container: ${id}`);
  });
}

/** Writes the new status down, then shows it: a crash in between only shows it earlier. */
export function setStatus(engine: Engine, entry: Entry, fields: Partial<Container>): void {
  const record = { ...entry.record, container: { ...entry.record.container, ...fields } };
  engine.store.saveStatus(record);
  setContainer(entry, fields);
}

/** Tells what has happened. The event log may be full; that must not undo what has happened. */
export function emit(
  engine: Engine,
  entry: Entry,
  action: EventActions["container"],
  extra?: Readonly<Record<string, string>>,
  detail?: string,
): void {
  const { container } = entry.record;
  try {
    engine.events.emit("container", action, container.id, eventAttributes(container, extra), detail);
  } catch (error) {
    engine.logger.error("an event could not be logged", { container: container.id, action, error });
  }
}
