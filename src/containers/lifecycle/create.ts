import { mkdir } from "node:fs/promises";
import { fail, isVirgaError, newId } from "../../base/index.ts";
import { removeTree } from "../../host/index.ts";
import type { Image, ImageProcess } from "../../images/index.ts";
import type { Container, ResolvedMount } from "../container.ts";
import { checkRuntime } from "../checks/runtime.ts";
import { pinLinks } from "../connections/links.ts";
import { checkLogTarget } from "../logs/forward.ts";
import { checkStorage, writableLimit } from "../checks/storage.ts";
import { checkSpec } from "../checks/spec.ts";
import { emit, type Engine } from "../engine.ts";
import { planMounts, resolveMounts, type MountOrigins } from "../files/mounts.ts";
import { checkName, generateName } from "./names.ts";
import { splitMissing } from "../connections/missing-networks.ts";
import { endpointSpecs, networkMode, reserveEndpoints } from "../connections/network-mode.ts";
import { healthCheckOf } from "../health/health.ts";
import { checkOnHost, mergeProcess, type NetworkNamespace } from "../oci/index.ts";
import { logPathOf, type ContainerRecord } from "../record.ts";
import type { Entry, Reservation } from "../registry.ts";
import type { ContainerSpec } from "../spec.ts";
import { together } from "./together.ts";
import { restartsWhenUnhealthy, restartUnhealthyLabel } from "../health/unhealthy.ts";

/**
 * Makes a container that does not run yet. Its row is written last: what a crash leaves before that (a folder,
 * addresses, anonymous volumes) belongs to no container, and `recover` takes it away.
 */
export async function createContainer(
  engine: Engine,
  asked: ContainerSpec,
): Promise<{ readonly container: Container; readonly warnings: readonly string[] }> {
  checkSpec(asked);
  // What is made is mostly started at once.
  void engine.runtime.warmUp();
  const image = engine.images.admitted(asked.image);
  const spec = pinStorage(
    engine,
    pinDefaults(engine, pinLinks(pinReferences(engine, asked), engine.registry)),
  );
  const process = mergeProcess(image.config.config ?? {}, spec);
  const warnings = checkHere(engine, spec);
  const id = newId();
  const name =
    spec.name === undefined || spec.name === ""
      ? generateName((one) => engine.registry.nameTaken(one))
      : checkName(spec.name);

  using reservation = engine.registry.reserve(id, name, image.id);
  await using undo = new AsyncDisposableStack();
  const identity = { id, name, spec, process, image };
  const record = await makeRecord(engine, identity, reservation, undo);
  engine.store.insert(record);
  undo.move();
  const entry = engine.registry.add(record);
  emit(engine, entry, "create");
  return {
    container: record.container,
    warnings: [...warnings, ...portWarnings(spec), ...labelWarnings(process)],
  };
}

/** Whether this machine has what it asks for; the warnings of what it does without. */
export function checkHere(engine: Engine, spec: ContainerSpec): readonly string[] {
  if (spec.init && engine.initPath === undefined) {
    throw fail("precondition", "container.no-init", "no init program was found on this machine", {
      hint: "apt-get install catatonit, or leave the init option out",
    });
  }
  checkLogTarget(spec.log);
  checkStorage(spec);
  return [...checkOnHost(spec, engine.host, namespaceKind(spec)), ...checkRuntime(spec, engine)];
}

async function makeRecord(
  engine: Engine,
  parts: { id: string; name: string; spec: ContainerSpec; process: ImageProcess; image: Image },
  reservation: Reservation,
  undo: AsyncDisposableStack,
): Promise<ContainerRecord> {
  const { id, name, spec, process, image } = parts;
  const folder = engine.identity.path("containers", id);
  const plan = planMounts(spec, process, mountOrigins(engine));
  reservation.images = [...plan.images.values(), ...imagesOf(plan.inherited)].map((one) => one.imageId);
  reservation.volumes = [...plan.inherited, ...plan.wanted].flatMap((one) =>
    one.type === "volume" ? [one.name!] : [],
  );
  if (plan.anonymous.size > 0) {
    engine.store.planVolumes(id, [...plan.anonymous]);
    undo.defer(() => engine.store.forgetVolumes(id));
  }
  const mode = networkMode(spec.network);
  const { present, missing } = splitMissing(mode.kind === "own" ? mode.networks : [], engine.networks);
  const wanted = endpointSpecs(parts, present, engine.networks);
  const [mounts, endpoints] = await together([
    resolveMounts(plan, engine.volumes, undo),
    reserveEndpoints(engine.networks, wanted, undo),
    makeFolder(engine, folder, undo),
  ]);
  const container: Container = {
    id,
    name,
    createdAt: engine.clock.now(),
    imageId: image.id,
    spec,
    process,
    state: { status: "created" },
    restartCount: 0,
    stoppedByUser: false,
    mounts,
    endpoints,
    ...(missing.length > 0 ? { missingNetworks: missing } : {}),
    publishedPorts: [],
    folder,
    logPath: logPathOf(folder, spec),
  };
  return { container, layers: image.config.rootfs.diff_ids, attached: [] };
}

export function mountOrigins({ registry, images, identity }: Engine): MountOrigins {
  return {
    daemonRoot: identity.root,
    mountsOf: (other) => registry.resolve(other).record.container.mounts,
    imageOf(name) {
      try {
        const image = images.admitted(name);
        return { imageId: image.id, layers: image.config.rootfs.diff_ids };
      } catch (error) {
        if (!isVirgaError(error, "not-found")) throw error;
        // Docker's client takes `not found` for the container's own image.
        throw fail("invalid", "mount.image-missing", error.message, {
          cause: error,
          hint: `docker pull ${name}`,
        });
      }
    },
  };
}

function imagesOf(mounts: readonly ResolvedMount[]) {
  return mounts.filter((mount) => mount.type === "image");
}

async function makeFolder(engine: Engine, folder: string, undo: AsyncDisposableStack): Promise<void> {
  await mkdir(`${folder}/bundle`, { recursive: true, mode: 0o700 });
  undo.defer(() => removeTree(folder, { within: engine.identity.path("containers") }));
}

export function volumesOf(mounts: readonly ResolvedMount[]): string[] {
  return mounts.flatMap((mount) => (mount.type === "volume" ? [mount.name] : []));
}

/** Other containers are named by id from here on, so that renaming them changes nothing. */
function pinReferences(engine: Engine, spec: ContainerSpec): ContainerSpec {
  const pin = (mode: string | undefined) => {
    if (!mode?.startsWith("container:")) return mode;
    return `container:${idOf(engine.registry.resolve(mode.slice("container:".length)))}`;
  };
  const network = pin(spec.network?.mode);
  const [pid, ipc] = [pin(spec.namespaces?.pid), pin(spec.namespaces?.ipc)];
  return {
    ...spec,
    ...(network === undefined ? {} : { network: { ...spec.network, mode: network } }),
    ...(spec.namespaces === undefined
      ? {}
      : {
          namespaces: {
            ...spec.namespaces,
            ...(pid === undefined ? {} : { pid }),
            ...(ipc === undefined ? {} : { ipc }),
          },
        }),
  };
}

/** What depends on the machine is written down, so that it can be told and stays as it is. */
function pinDefaults(engine: Engine, spec: ContainerSpec): ContainerSpec {
  if (spec.namespaces?.cgroup !== undefined) return spec;
  // Docker's default: private on cgroup v2, the host's on v1.
  const cgroup = engine.host.cgroup.version === 2 ? "private" : "host";
  return { ...spec, namespaces: { ...spec.namespaces, cgroup } };
}

/** How much it may write; settled now, so that other settings of the daemon change only containers to come. */
function pinStorage(engine: Engine, spec: ContainerSpec): ContainerSpec {
  const asked = spec.storageOptions ?? {};
  const sized = Object.keys(asked).some((key) => key.toLowerCase() === "size");
  const limit = writableLimit(asked) ?? (sized ? undefined : engine.writableLimit);
  return limit === undefined ? spec : { ...spec, writableLimit: limit };
}

function namespaceKind(spec: ContainerSpec): NetworkNamespace["kind"] {
  const { kind } = networkMode(spec.network);
  return kind === "container" ? "path" : kind === "host" ? "host" : "new";
}

function idOf(entry: Entry): string {
  return entry.record.container.id;
}

function labelWarnings(process: ImageProcess): string[] {
  if (!restartsWhenUnhealthy(process) || healthCheckOf(process)) return [];
  return [`label ${restartUnhealthyLabel} has no effect: the container has no health check`];
}

function portWarnings(spec: ContainerSpec): string[] {
  const mode = networkMode(spec.network).kind;
  const ports = (spec.network?.ports?.length ?? 0) > 0 || spec.network?.publishAll;
  if (!ports || (mode !== "host" && mode !== "none")) return [];
  return [`Published ports are discarded when using ${mode} network mode`];
}
