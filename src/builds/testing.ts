import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ManualClock, silentLogger } from "../base/index.ts";
import type { HostMount, StepRunner } from "../containers/index.ts";
import { createContentStore } from "../content/index.ts";
import { testRegistries } from "../distribution/testing.ts";
import { createEvents, eventMigrations } from "../events/index.ts";
import { bindMount, daemonIdentity, mount, runChecked, unmount } from "../host/index.ts";
import { createImages, imageMigrations, type Image, type Images } from "../images/index.ts";
import { createArchives, createLayerStore, createTreeWorkers, type LayerStore } from "../layers/index.ts";
import { openState } from "../state/index.ts";
import type { BuildRequest, Builds } from "./build.ts";
import type { BuildEvent } from "./build-event.ts";
import { buildMigrations, createBuilds, type BuildSettings } from "./builds.ts";

type Step = Parameters<StepRunner["run"]>[0];
/** What chroot(8) can't do, as it was asked for. */
type Given = { readonly [K in "hostname" | "ulimits" | "cgroupParent"]: Step[K] | undefined };

/** Runs steps with chroot(8) instead of containers: quick, and enough for what the builder itself does. */
export function chrootSteps(): StepRunner & { readonly ran: string[][]; readonly given: Given[] } {
  const ran: string[][] = [];
  const given: Given[] = [];
  return {
    ran,
    given,
    async run(step, onOutput, signal) {
      ran.push([...step.command]);
      const { hostname, ulimits, cgroupParent } = step;
      given.push({ hostname, ulimits, cgroupParent });
      using _mounts = mountAll(step.rootfs, step.mounts);
      const env = Object.fromEntries(step.env.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
      // As a runtime does.
      const enter = 'umask 022 && cd "$0" && exec "$@"';
      const command = [
        "/usr/sbin/chroot",
        step.rootfs,
        "/bin/sh",
        "-c",
        enter,
        step.workingDir,
        ...step.command,
      ];
      const child = Bun.spawn(command, {
        env,
        stdout: "pipe",
        stderr: "pipe",
        ...(signal ? { signal } : {}),
      });
      const read = async (stream: "stdout" | "stderr") => {
        for await (const data of child[stream]) onOutput(stream, data);
      };
      await Promise.all([read("stdout"), read("stderr"), child.exited]);
      signal?.throwIfAborted();
      return { exitCode: child.exitCode ?? 137, oomKilled: false };
    },
    sweep: () => Promise.resolve(),
  };
}

/** Mounts what a step is given; a real runtime does it in a namespace. */
function mountAll(root: string, mounts: readonly HostMount[]): Disposable {
  const undo = new DisposableStack();
  for (const one of mounts) {
    const target = join(root, one.target);
    const isFile = one.type !== "tmpfs" && !statSync(one.source).isDirectory();
    mkdirSync(isFile ? dirname(target) : target, { recursive: true });
    if (isFile) writeFileSync(target, "", { flag: "a" });
    if (one.type === "tmpfs") mount("tmpfs", target, "tmpfs", 0, one.options.join(","));
    else bindMount(one.source, target, { readOnly: one.readOnly });
    undo.defer(() => unmount(target));
  }
  return undo;
}

export interface TestBuilds extends AsyncDisposable {
  readonly root: string;
  readonly builds: Builds;
  readonly images: Images;
  readonly layers: LayerStore;
  readonly clock: ManualClock;
  readonly steps: ReturnType<typeof chrootSteps>;
  /** Writes a context folder; its path. */
  context(files: Readonly<Record<string, string>>): Promise<string>;
  build(
    path: string,
    request?: Partial<BuildRequest>,
    signal?: AbortSignal,
  ): Promise<{ readonly image: Image; readonly events: BuildEvent[]; readonly warnings: readonly string[] }>;
  /** Runs `look` with the image's files mounted. */
  inside<T>(image: Image, look: (root: string) => T): Promise<T>;
}

/** Real stores below `root`, and a builder on them. */
async function buildStack(root: string, steps: StepRunner, settings: BuildSettings) {
  const identity = daemonIdentity(root);
  // Later than any file of a test, so that digests of files are remembered.
  const clock = new ManualClock(Date.UTC(2100, 0, 1));
  const logger = silentLogger;
  const state = openState(":memory:", [...eventMigrations, ...imageMigrations, ...buildMigrations]);
  const events = createEvents(state, clock);
  const workers = createTreeWorkers({ clock });
  const content = await createContentStore({ directory: identity.path("content") });
  const layers = await createLayerStore({ directory: identity.path("layers"), content, workers, logger });
  const use: { builds?: Builds } = {};
  const builder = {
    layersInUse: () => use.builds!.layersInUse(),
    blobsInUse: () => use.builds!.blobsInUse(),
  };
  const images = createImages({
    state,
    content,
    layers,
    events,
    clock,
    logger,
    use: { containersOf: () => [] },
    layerUses: [builder],
    sources: [],
  });
  const archives = createArchives({ workers });
  const registries = testRegistries();
  const services = {
    identity,
    state,
    events,
    clock,
    logger,
    images,
    layers,
    archives,
    content,
    steps,
    registries,
  };
  const builds = createBuilds(services, { parallelSteps: 2, ...settings });
  use.builds = builds;
  const close = async () => {
    await builds.close();
    await workers.close();
    state.close();
  };
  return { identity, clock, images, layers, builds, close };
}

/** A builder in a temporary root below `parent`, with the image `busybox:latest`. */
export async function testBuilds(parent = "/var/tmp", settings: BuildSettings = {}): Promise<TestBuilds> {
  const root = realpathSync(mkdtempSync(`${parent}/virga-builds-`));
  const steps = chrootSteps();
  const { identity, clock, images, layers, builds, close } = await buildStack(root, steps, settings);
  await importBusybox(images, identity.path("busybox"));
  let number = 0;
  return {
    root,
    builds,
    images,
    layers,
    clock,
    steps,
    async context(files) {
      const folder = identity.path(`context-${++number}`);
      mkdirSync(folder);
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      }
      return folder;
    },
    async build(path, request = {}, signal) {
      const seen: BuildEvent[] = [];
      const { imageId, warnings } = await builds.build(
        { context: { kind: "directory", path }, ...request },
        { onEvent: (event) => seen.push(event), ...(signal ? { signal } : {}) },
      );
      return { image: images.resolve(imageId), events: seen, warnings };
    },
    async inside(image, look) {
      const directory = identity.path(`look-${++number}`);
      const stack = { layers: image.config.rootfs.diff_ids, directory, readOnly: true };
      try {
        return look(await layers.mount(stack));
      } finally {
        await layers.unmount(directory);
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A root filesystem of a static busybox and a few users. */
async function importBusybox(images: Images, folder: string): Promise<void> {
  for (const name of ["bin", "etc", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  await runChecked(["cp", "/bin/busybox", `${folder}/bin/busybox`]);
  await runChecked(["/bin/busybox", "--install", "-s", `${folder}/bin`]);
  await runChecked([
    "sh",
    "-c",
    `cd ${folder}/bin && for f in *; do [ -L $f ] && ln -sf busybox $f; done; true`,
  ]);
  await writeFile(`${folder}/etc/passwd`, "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\n");
  await writeFile(`${folder}/etc/group`, "root:x:0:\napp:x:1001:\nweb:x:33:\n");
  const tar = Bun.spawn(
    ["tar", "-C", folder, "--owner=0", "--group=0", "--mtime=@0", "--sort=name", "-cf", "-", "."],
    { stdout: "pipe" },
  );
  await images.importRootfs(tar.stdout, {
    reference: "busybox:latest",
    process: { Env: ["PATH=/bin"], Cmd: ["sh"] },
  });
}
