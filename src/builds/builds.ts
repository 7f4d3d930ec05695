import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fail, KeyedLock, newId, Slots } from "../base/index.ts";
import { removeTree } from "../host/index.ts";
import { createInventories, inventoryMigrations, type Inventories } from "../inventory/index.ts";
import type { Migration } from "../state/index.ts";
import { attestationMigrations, createAttestations, type Attestations } from "./attestations/attestations.ts";
import { createMaterials } from "./attestations/materials.ts";
import type { BuildRequest, BuildResult, Builds } from "./build.ts";
import type { BuildEvent } from "./build-event.ts";
import { buildImage } from "./build-image.ts";
import type { BuildShared } from "./build-start.ts";
import type { BuildsDependencies } from "./build-run.ts";
import {
  createExportedLayers,
  exportedLayerMigrations,
  forgetOldExports,
} from "./cache/exchange/exported-layers.ts";
import { createLayersInUse } from "./cache/layers-in-use.ts";
import { createMountCache, mountCacheMigrations } from "./cache/mount-cache.ts";
import { cacheRecords, cacheUsage, prunableCache, pruneCache } from "./cache/prune.ts";
import { createTidying } from "./cache/tidying.ts";
import type { CacheLimit } from "./cache/tidying.ts";
import { createStepCache, stepCacheMigrations } from "./cache/step-cache.ts";
import { fileDigestMigrations, forgetOldDigests } from "./context/file-digests.ts";
import type { LintWarning } from "./lint/warning.ts";
import { namingFullDisk } from "./disk-full.ts";
import { outlineOf } from "./outline/outline.ts";
import { lintBuild, readBuild, type ReadBuild } from "./read-build.ts";
import { createInstalls } from "./lock/installs.ts";
import { verifyImage } from "./verify/verify-image.ts";
import { sweepBuilds } from "./recover.ts";

export const buildMigrations: readonly Migration[] = [
  ...stepCacheMigrations,
  ...fileDigestMigrations,
  ...exportedLayerMigrations,
  ...mountCacheMigrations,
  ...inventoryMigrations,
  ...attestationMigrations,
];

export interface BuildSettings {
  /** Steps that work at the same time, of all builds together; by default one for each processor. */
  readonly parallelSteps?: number;
  /** How large the cache may become; by default without bound. */
  readonly cacheLimit?: CacheLimit;
  /** RUN steps get the proxy variables and the CA bundle of this machine. */
  readonly hostProxy?: boolean;
  /** Where the proxy variables are; by default the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export function createBuilds(services: BuildsDependencies, settings: BuildSettings = {}): Builds {
  const { layers, state, clock } = services;
  const shared = createShared(services, settings);
  const { cache, inUse } = shared;
  const parts = { services, cache, cacheMounts: shared.cacheMounts, inUse };
  const tidying = createTidying(parts, settings.cacheLimit);
  const inventories = createInventories({ state, layers });
  const attestations = createAttestations({ ...services, inventories });
  const whole = { ...shared, attestations, inventories };
  const isIdle = () => running.size === 0;
  const running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<unknown> }>();

  const builds: Builds = {
    async build(request, options) {
      const id = newId().slice(0, 16);
      const stop = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
      const work = namingFullDisk(runBuild(whole, id, request, options, signal));
      running.set(id, { stop, ended: work.catch(() => {}) });
      try {
        return await work;
      } finally {
        running.delete(id);
        tidying.begin();
        attestations.work(isIdle);
      }
    },
    attestations,
    verify: (name, source, options) => verifyImage(services, builds, name, source, options),
    check: (request, options) =>
      withRead(shared, request, options?.signal, (read) => checkBuild(shared, request, read)),
    outline: (request, options) => withRead(shared, request, options?.signal, outlineOf),
    pruneCache: (options) => pruneCache(parts, options),
    cacheRecords: () => cacheRecords(parts),
    async cacheUsage() {
      await tidying.done();
      return cacheUsage(parts);
    },
    prunableCache: (options) => Promise.resolve(prunableCache(parts, options)),
    layersInUse: (without) => inUse.layersInUse(without),
    blobsInUse: (without) => inUse.blobsInUse(without),
    async recover() {
      forgetOldDigests(state, clock);
      forgetOldExports(state, clock);
      await sweepBuilds(services);
      await shared.cacheMounts.recover();
      inventories.forget();
      tidying.begin();
      attestations.work(isIdle);
    },
    async close() {
      for (const { stop } of running.values()) {
        stop.abort(fail("cancelled", "daemon.stopping", "The daemon is stopping"));
      }
      await Promise.all([...running.values()].map((build) => build.ended));
      await tidying.done();
      await attestations.close();
    },
  };
  return builds;
}

function createShared(services: BuildsDependencies, settings: BuildSettings): BuildShared {
  const { layers, content, state, clock } = services;
  const isWhole = (diffId: Parameters<typeof layers.has>[0], blob: Parameters<typeof content.has>[0]) =>
    layers.has(diffId) && content.has(blob);
  const cache = createStepCache({ state, clock, isWhole });
  return {
    services,
    cache,
    inUse: createLayersInUse({ cache, layers, content }),
    cacheMounts: createMountCache({ state, clock, home: services.identity.path("builds") }),
    hostProxy: settings.hostProxy ?? false,
    environment: settings.environment ?? process.env,
    stepLocks: new KeyedLock(),
    exported: createExportedLayers(state, clock),
    slots: new Slots(settings.parallelSteps ?? availableParallelism()),
  };
}

interface Describing {
  readonly attestations: Attestations;
  readonly inventories: Inventories;
}

async function runBuild(
  { attestations, inventories, ...shared }: BuildShared & Describing,
  id: string,
  request: BuildRequest,
  options: Parameters<Builds["build"]>[1],
  signal: AbortSignal,
): Promise<BuildResult> {
  const { identity } = shared.services;
  const folder = identity.path("builds", id);
  const warnings: string[] = [];
  const checks: LintWarning[] = [];
  const emit = (event: BuildEvent) => {
    if (event.kind === "warning") warnings.push(event.text);
    if (event.kind === "warning" && event.lint) checks.push(event.lint);
    options.onEvent(event);
  };
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTree(folder, { within: identity.path("builds") }));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { credentials } = options;
  let number = 0;
  const next = () => ++number;
  const { clock } = shared.services;
  const startedAt = clock.now().toISOString();
  const { lock = false, locked, anyPackages = false } = request;
  const installs = lock || locked ? createInstalls(inventories, { locked, anyPackages }, signal) : undefined;
  const materials = createMaterials((material) => installs?.check(material));
  const start = { ...shared, request, folder, signal, credentials, emit, undo, next, materials, installs };
  const { image, record } = await buildImage(start);
  const { sbom = true, provenance = "max" } = request.attest ?? {};
  if (sbom || provenance) {
    const finishedAt = clock.now().toISOString();
    const told = provenance ? { ...record, startedAt, finishedAt } : undefined;
    attestations.add(image.id, { sbom, provenance: told });
  }
  const result = { imageId: image.id, warnings, checks };
  return lock && installs ? { ...result, lock: installs.lock(record.materials) } : result;
}

/** Reads what the request names, for as long as `use` looks at it. */
async function withRead<T>(
  { services }: BuildShared,
  request: BuildRequest,
  signal: AbortSignal = new AbortController().signal,
  use: (read: ReadBuild) => T,
): Promise<T> {
  const { identity } = services;
  const folder = identity.path("builds", newId().slice(0, 16));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTree(folder, { within: identity.path("builds") }));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return use(await readBuild(services, request, `${folder}/context`, signal));
}

function checkBuild({ services }: BuildShared, request: BuildRequest, read: ReadBuild) {
  const stages = request.target === undefined ? read.plan.stages.map((_, index) => index) : read.plan.needed;
  const { linter } = lintBuild(services, request, read, stages);
  return { warnings: linter.warnings, failed: linter.isFatal };
}
