import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger, systemClock, type Logger } from "../base/index.ts";
import { createContentStore, type Digest } from "../content/index.ts";
import { createEvents, eventMigrations, type Events } from "../events/index.ts";
import { createThreadNamespaces, daemonIdentity, run, type ThreadNamespaces } from "../host/index.ts";
import { createImages, imageMigrations, type Images } from "../images/index.ts";
import { createArchives, createLayerStore, createTreeWorkers } from "../layers/index.ts";
import { createNetworks, networkMigrations, type Networks } from "../networks/index.ts";
import { createRuntime, type Runtime } from "../runtimes/index.ts";
import { openState } from "../state/index.ts";
import { createVolumes, volumeMigrations, type Volumes } from "../volumes/index.ts";
import { createContainers, type ContainersService } from "./containers.ts";
import { readHostFacts } from "./oci/index.ts";
import { containerMigrations } from "./store.ts";

/** The service on the real machine: crun, overlayfs, bridges. */
export interface Machine extends AsyncDisposable {
  readonly containers: ContainersService;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly runtime: Runtime;
  readonly events: Events;
}

let namespaces: ThreadNamespaces | undefined;

interface Late {
  containers?: ContainersService;
}

function askedLater(late: Late) {
  return {
    use: { containersOf: (id: Digest) => late.containers!.imageUse.containersOf(id) },
    volumeUse: { containersOf: (name: string) => late.containers!.volumeUse.containersOf(name) },
    layerUses: [
      {
        layersInUse: () => late.containers!.layerUse.layersInUse(),
        blobsInUse: () => late.containers!.layerUse.blobsInUse(),
      },
    ],
  };
}

/** Opens everything in the way the daemon does, and recovers. Disposing stops the daemon, not its containers. */
export async function openMachine(root: string, logger: Logger = silentLogger): Promise<Machine> {
  namespaces ??= createThreadNamespaces();
  const clock = systemClock;
  const identity = daemonIdentity(root);
  await using stack = new AsyncDisposableStack();
  const state = openState(identity.path("state.db"), [
    ...eventMigrations,
    ...imageMigrations,
    ...networkMigrations,
    ...volumeMigrations,
    ...containerMigrations,
  ]);
  stack.defer(() => state.close());
  const shared = { identity, state, events: createEvents(state, clock), clock, logger, namespaces };
  const content = await createContentStore({ directory: identity.path("content") });
  const workers = createTreeWorkers({ clock });
  stack.defer(() => workers.close());
  const layers = await createLayerStore({ directory: identity.path("layers"), content, workers, logger });
  // Images and volumes ask the containers, which come after them.
  const late: Late = {};
  const images = createImages({ ...shared, content, layers, ...askedLater(late), sources: [] });
  const directory = identity.path("volumes");
  const volumes = createVolumes({ ...shared, directory, use: askedLater(late).volumeUse });
  const networks = await createNetworks(shared);
  stack.defer(() => networks.close({ keep: running() > 0 }));
  const runtime = await createRuntime({ ...shared, runtimes: { crun: { path: "crun" } } });
  stack.defer(() => runtime.close());
  const containers = createContainers({
    ...shared,
    images,
    layers,
    archives: createArchives({ workers }),
    networks,
    volumes,
    runtime,
    host: readHostFacts(),
    initPath: "/usr/bin/catatonit",
  });
  late.containers = containers;
  const running = () => containers.list().filter((one) => one.state.status === "running").length;
  stack.defer(async () => void (await containers.close()));
  await containers.recover();
  const resources = stack.move();
  return {
    containers,
    images,
    networks,
    volumes,
    runtime,
    events: shared.events,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** An image called `busybox`: one static program under all its names, users, and `/data` with a file in it. */
export async function importBusybox(machine: Machine, folder: string): Promise<void> {
  const root = join(folder, "busybox-root");
  await mkdir(join(root, "bin"), { recursive: true });
  for (const name of ["etc", "data", "tmp", "dev", "proc", "sys"])
    await mkdir(join(root, name), { recursive: true });
  await copyFile("/bin/busybox", join(root, "bin/busybox"));
  await run([join(root, "bin/busybox"), "--install", "-s", join(root, "bin")]);
  await run(["sh", "-c", `for link in ${root}/bin/*; do [ -L $link ] && ln -sfn busybox $link; done`]);
  await Bun.write(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/data:/bin/sh\n");
  await Bun.write(join(root, "etc/group"), "root:x:0:\nweb:x:33:\n");
  await Bun.write(join(root, "data/seed"), "from the image\n");
  const tar = Bun.spawn(["tar", "-c", "-C", root, "."], { stdout: "pipe", stderr: "ignore" });
  await machine.images.importRootfs(tar.stdout, {
    reference: "busybox",
    process: { Cmd: ["sh"], Env: ["PATH=/bin"] },
  });
  await rm(root, { recursive: true });
}
