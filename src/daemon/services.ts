import { systemClock, type Clock, type Logger } from "../base/index.ts";
import { buildMigrations, createBuilds, type Builds, type BuildSettings } from "../builds/index.ts";
import {
  containerMigrations,
  createContainers,
  createStepRunner,
  readHostFacts,
  type ContainersService,
  type HostFacts,
} from "../containers/index.ts";
import { createContentStore, createScrubber, type Digest, type Scrubber } from "../content/index.ts";
import { findProgram } from "../doctor/index.ts";
import type { Registries, RegistrySettings } from "../distribution/index.ts";
import { createEvents, eventMigrations, type Events } from "../events/index.ts";
import { createThreadNamespaces, removeCgroup, type DaemonIdentity } from "../host/index.ts";
import { createBaseImages, createImages, imageMigrations, type Images } from "../images/index.ts";
import {
  createArchives,
  createLayerStore,
  createTreeWorkers,
  type Archives,
  type LayerStore,
} from "../layers/index.ts";
import { createNetworks, networkMigrations, type Networks } from "../networks/index.ts";
import { createOperations, type Operations } from "../operations/index.ts";
import { createRuntime, type Runtime, type RuntimeProgram } from "../runtimes/index.ts";
import { createRegistry, registryMigrations, type CacheSettings, type Registry } from "../registry/index.ts";
import { createAdmission, createSignatures, policySource, type Signatures } from "../signatures/index.ts";
import { createStacks, type Stacks } from "../stacks/index.ts";
import { openState, type State } from "../state/index.ts";
import { createVolumes, volumeMigrations, type Volumes } from "../volumes/index.ts";
import { createUpkeep, type Upkeep } from "../upkeep/index.ts";
import { openRegistries } from "./registries.ts";

/** Every service of a daemon, built and recovered; nothing listens yet. */
export interface Services {
  readonly clock: Clock;
  readonly host: HostFacts;
  readonly events: Events;
  readonly operations: Operations;
  readonly layers: LayerStore;
  readonly archives: Archives;
  readonly images: Images;
  readonly registries: Registries;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly containers: ContainersService;
  readonly builds: Builds;
  readonly stacks: Stacks;
  readonly upkeep: Upkeep;
  readonly registry: Registry;
  readonly scrubber: Scrubber;
  readonly signatures: Signatures;
  readonly warmUp: Runtime["warmUp"];
  /** Stops everything in the order opposite to its start; running containers go on. Their number. */
  close(): Promise<{ readonly stillRunning: number }>;
}

const migrations = [
  ...eventMigrations,
  ...imageMigrations,
  ...networkMigrations,
  ...volumeMigrations,
  ...containerMigrations,
  ...buildMigrations,
  ...registryMigrations,
];

/** What an administrator chose. */
export interface ServiceSettings {
  readonly registries: RegistrySettings;
  readonly runtimes: Readonly<Record<string, RuntimeProgram>>;
  /** Registries that the registry keeps the images of. */
  readonly caches?: CacheSettings | undefined;
  readonly builds: BuildSettings;
  readonly writableLimit?: number;
  /** Whether images of this domain belong to the registry that this daemon serves. */
  readonly isOwnRegistry: (domain: string) => boolean;
  /** The policy's file; `DIR/policy.json` when nobody has named one. */
  readonly signaturePolicy?: string | undefined;
}

/** The composition root: the only place that knows every concept. Undone as a whole when a service can't start. */
export async function createServices(
  identity: DaemonIdentity,
  logger: Logger,
  settings: ServiceSettings,
): Promise<Services> {
  await using undo = new AsyncDisposableStack();
  const namespaces = createThreadNamespaces();
  const clock = systemClock;
  const state = undo.adopt(openState(identity.path("state.db"), migrations), (one) => one.close());
  const events = createEvents(state, clock, logger);
  const operations = undo.adopt(createOperations(clock), (one) => one.close());
  const common = { identity, state, events, clock, logger };
  const storage = await openStorage(identity, clock, logger);
  undo.defer(() => storage.close());
  const runtime = undo.adopt(
    await createRuntime({ ...common, namespaces, runtimes: settings.runtimes }),
    (one) => one.close(),
  );
  const privateNames = () => engine.containers.privateNames();
  const networks = await createNetworks({ ...common, namespaces, privateNames });
  const host = readHostFacts();
  const registries = openRegistries(identity, clock, logger, settings.registries);
  const registry = createRegistry({
    ...common,
    ...storage,
    directory: identity.path("registry"),
    removeUnneeded: (blobs) => engine.images.collectGarbage({ layers: [], blobs }),
    ...(settings.caches ? { cache: { settings: settings.caches, registries } } : {}),
  });
  const parts = { common, storage, runtime, networks, host, registry, registries };
  const engine = createEngine({ ...parts, settings });
  await engine.containers.recover();
  await engine.builds.recover();
  const stacks = createStacks({ ...common, ...engine, networks, directory: identity.path("stacks") });
  const upkeep = createUpkeep({ ...engine, networks });
  registry.start();
  const scrubber = createScrub(common, storage, engine.images, registry);
  scrubber.start();
  const sweep = sweepGarbage(engine.images, logger);
  undo.move();
  const close = async () => {
    await sweep;
    await operations.close();
    await scrubber.close();
    await registry.close();
    await engine.builds.close();
    const { stillRunning } = await engine.containers.close();
    await networks.close({ keep: stillRunning > 0 });
    await runtime.close();
    if (stillRunning === 0) await removeCgroup(host.cgroup, identity.cgroupParent, clock);
    await storage.close();
    state.close();
    return { stillRunning };
  };
  const { layers, archives } = storage;
  const concepts = {
    events, operations, networks, stacks, upkeep, registry, registries, scrubber, layers, archives,
  }; // prettier-ignore
  return { clock, host, warmUp: () => runtime.warmUp(), close, ...concepts, ...engine };
}

interface Common {
  readonly identity: DaemonIdentity;
  readonly state: State;
  readonly events: Events;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a killed daemon had stored for an image that never came to be, or had yet to remove; nobody waits for it. */
async function sweepGarbage(images: Images, logger: Logger): Promise<void> {
  try {
    const bytes = await images.collectGarbage();
    if (bytes > 0) logger.info("layers and blobs that nothing needs were removed", { bytes });
  } catch (error) {
    logger.warn("what nothing needs could not be removed", { error });
  }
}

function createScrub(
  { identity, clock, logger, events }: Common,
  { content }: Storage,
  images: Images,
  registry: Registry,
): Scrubber {
  return createScrubber({
    ...{ content, clock, logger },
    directory: identity.path("content"),
    holders: (digest) => holdersOf(images, registry, digest),
    found: ({ digest, holders }) => events.emit("content", "damage", digest, { holders: holders.join(", ") }),
  });
}

/** Who needs a blob, for whoever is told that it is damaged. */
function holdersOf(images: Images, registry: Registry, digest: Digest): string[] {
  const using = images
    .list()
    .filter((one) =>
      [one.id, one.manifest.digest, ...one.layers.map((layer) => layer.digest)].includes(digest),
    );
  const names = using.map((one) => `image ${one.references[0] ?? one.id}`);
  return [...names, ...registry.holders(digest).map((name) => `repository ${name}`)];
}

type Storage = Awaited<ReturnType<typeof openStorage>>;

async function openStorage(identity: DaemonIdentity, clock: Clock, logger: Logger) {
  const workers = createTreeWorkers({ clock });
  const content = await createContentStore({ directory: identity.path("content") });
  const layers = await createLayerStore({ directory: identity.path("layers"), content, workers, logger });
  const close = async () => {
    await layers.flushed();
    await workers.close();
  };
  return { content, layers, archives: createArchives({ workers }), close };
}

/** The policy's file, and where the signatures of images are that are here. */
function openPolicy(
  { common, storage, settings }: Pick<Parameters<typeof createEngine>[0], "common" | "storage" | "settings">,
  of: Images["referrers"]["of"],
) {
  const { signaturePolicy: named } = settings;
  const source = policySource(named ?? common.identity.path("policy.json"), named !== undefined);
  return { source, here: { content: storage.content, referrers: { of } } };
}

/**
 * Images, volumes, containers and builds need each other: an image may not go while a container uses it. The lower
 * ones ask through narrow interfaces, whose answers come from services made after them.
 */
function createEngine(parts: {
  readonly common: Common;
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly host: HostFacts;
  readonly registry: Registry;
  readonly registries: Registries;
  readonly settings: ServiceSettings;
}): Pick<Services, "images" | "volumes" | "builds" | "signatures"> & { containers: ContainersService } {
  const { common, storage, runtime, networks, host, registry, registries, settings } = parts;
  const { identity, clock } = common;
  const policy = openPolicy(parts, (subject, type) => images.referrers.of(subject, type));
  const images = createImages({
    ...common,
    ...storage,
    use: { containersOf: (id) => containers.imageUse.containersOf(id) },
    layerUses: [
      {
        layersInUse: (without) => builds.layersInUse(without),
        blobsInUse: (without) => builds.blobsInUse(without),
      },
      {
        layersInUse: (without) => containers.layerUse.layersInUse(without),
        blobsInUse: (without) => containers.layerUse.blobsInUse(without),
      },
    ],
    blobUses: [registry],
    registries,
    maxDownloads: settings.registries.maxDownloads,
    maxUploads: settings.registries.maxUploads,
    isOwnRegistry: settings.isOwnRegistry,
    admission: createAdmission({ ...policy, logger: common.logger }),
    beforePush: ({ id }) => builds.attestations.ready(id),
    sources: [createBaseImages({ clock, directory: identity.path("base-images"), environment: process.env })],
  });
  const volumes = createVolumes({
    ...common,
    ...storage,
    directory: identity.path("volumes"),
    use: { containersOf: (name) => containers.volumeUse.containersOf(name) },
  });
  const initPath = findProgram(["catatonit"]);
  const shared = { ...common, ...storage, images, networks, volumes, runtime, host };
  const containers = createContainers({
    ...shared,
    ...(initPath ? { initPath } : {}),
    ...(settings.writableLimit === undefined ? {} : { writableLimit: settings.writableLimit }),
  });
  const builds = createBuilds(
    {
      ...shared,
      registries,
      steps: createStepRunner({ identity, networks, runtime, host }),
    },
    settings.builds,
  );
  const signatures = createSignatures({ images, registries, ...policy });
  return { images, volumes, containers, builds, signatures };
}
