import { createHash } from "node:crypto";
import { createLogger, fail, toVirgaError, version, type Logger } from "../base/index.ts";
import { createCloudApp } from "../api/cloud/index.ts";
import { createBuildkitApi } from "../api/buildkit/index.ts";
import { createDockerApi, type DaemonFacts } from "../api/docker/index.ts";
import { findProgram, missingPackages } from "../doctor/index.ts";
import { daemonIdentity, forgetProgramText, setUmask, type DaemonIdentity } from "../host/index.ts";
import { collectWhenIdle } from "./idle-memory.ts";
import { lockInstance } from "./instance-lock.ts";
import { openLogFile } from "./log-file.ts";
import { readServeOptions, type ServeOptions } from "./options.ts";
import { installedRuntimes, programVersions, runtimePrograms } from "./programs.ts";
import { isOwnDomain } from "./registry-options.ts";
import { openRegistry } from "./open-registry.ts";
import { openServiceManager } from "./service-manager.ts";
import { createServices, type Services } from "./services.ts";
import { listenUnix } from "./sockets.ts";

/** `virga serve`: runs until SIGTERM, SIGINT or a client's stop. Returns the exit code. */
export async function serve(args: readonly string[]): Promise<number> {
  try {
    await runDaemon(readServeOptions(args));
    return 0;
  } catch (error) {
    const { kind, message, hint } = toVirgaError(error);
    process.stderr.write(`virga: ${message}\n${hint === undefined ? "" : `  next: ${hint}\n`}`);
    return kind === "invalid" ? 2 : 1;
  }
}

async function runDaemon(options: ServeOptions): Promise<void> {
  const serviceManager = openServiceManager(process.env);
  checkHost();
  setUmask(0o022);
  const identity = daemonIdentity(options.root);
  using _lock = lockInstance(identity);
  using file = openLogFile(identity.path("log", "daemon.log"));
  const logger = createLogger({
    level: options.logLevel,
    write: (line) => file.write(line),
    now: () => new Date(),
  });
  logger.info("starting", { version, root: identity.root, pid: process.pid });
  watchForBugs(logger);
  const runtimes = runtimePrograms(options.runtimes);
  const services = await createServices(identity, logger, {
    registries: options.registries,
    runtimes,
    caches: options.registry?.caches?.settings,
    builds: options.builds,
    ...(options.writableLimit === undefined ? {} : { writableLimit: options.writableLimit }),
    isOwnRegistry: (domain) => isOwnDomain(options.registry, domain),
    signaturePolicy: options.signaturePolicy,
  });
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.resolve(signal));
  {
    using _memory = collectWhenIdle({ clock: services.clock, cpuTimeMs, collect });
    await using _api = await openApis({ options, logger, services, runtimes }, () =>
      stop.resolve("a client asked"),
    );
    services.events.emit("daemon", "start", identity.tag);
    await serviceManager.ready();
    logger.info("ready", { startedInMs: Math.round(performance.now()) });
    logger.info("stopping", { why: await stop.promise });
  }
  services.events.emit("daemon", "stop", identity.tag);
  const { stillRunning } = await services.close();
  logger.info("stopped", { stillRunning });
}

function collect(): void {
  Bun.gc(true);
  forgetProgramText();
}

function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function checkHost(): void {
  if (process.getuid?.() !== 0) {
    throw fail("permission", "daemon.not-root", "the daemon needs root", { hint: "run it with sudo" });
  }
  const missing = missingPackages().map((one) => one.name);
  if (missing.length === 0) return;
  throw fail("precondition", "daemon.missing-packages", `missing: ${missing.join(", ")}`, {
    hint: `apt-get install ${missing.join(" ")}; or see: virga doctor`,
  });
}

/** A promise that nobody awaited is a bug, but no reason to leave every container without its daemon. */
function watchForBugs(logger: Logger): void {
  process.on("unhandledRejection", (error) => logger.error("unhandled rejection", { error }));
}

interface Parts {
  readonly options: ServeOptions;
  readonly logger: Logger;
  readonly services: Services;
  readonly runtimes: ReturnType<typeof runtimePrograms>;
}

async function openApis(
  { options, logger, services, runtimes }: Parts,
  stop: () => void,
): Promise<AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const startedAt = new Date();
  const identity = daemonIdentity(options.root);
  const buildkit = createBuildkitApi({ ...services, logger, directory: identity.path("contexts") });
  undo.defer(() => buildkit.close());
  await buildkit.recover();
  const docker = createDockerApi({
    ...services,
    buildkit,
    logger,
    facts: factsOf({ options, services, runtimes }, identity, startedAt),
  });
  undo.defer(() => docker.close());
  await docker.listen(identity.path("run", "docker.sock"));
  const registry = undo.use(await openRegistry(options.registry, identity, logger, services));
  const system = () => {
    const containers = services.containers.list();
    const running = containers.filter((one) => one.state.status === "running").length;
    return {
      version,
      root: identity.root,
      pid: process.pid,
      startedAt: startedAt.toISOString(),
      dockerSocket: identity.path("run", "docker.sock"),
      logFile: identity.path("log", "daemon.log"),
      ...(registry ? { registry: registry.address } : {}),
      containers: { total: containers.length, running },
      images: services.images.list().length,
    };
  };
  const app = createCloudApp({ ...services, logger, system, stop, registryAuthority: registry?.authority });
  undo.use(listenUnix(identity.path("run", "virga.sock"), app.fetch));
  return undo.move();
}

function factsOf(
  { options, services, runtimes }: Pick<Parts, "options" | "services" | "runtimes">,
  identity: DaemonIdentity,
  startedAt: Date,
): DaemonFacts {
  return {
    registries: options.registries,
    version,
    commit: "",
    id: createHash("sha256").update(identity.root).digest("hex").slice(0, 40),
    root: identity.root,
    startedAt,
    defaultRuntime: "crun",
    runtimes: installedRuntimes(runtimes),
    programVersions: programVersions({
      ...installedRuntimes(runtimes),
      conmon: { path: findProgram(["conmon"]) ?? "conmon" },
    }),
    cgroups: services.host.cgroup,
    initBinary: findProgram(["catatonit"]) ?? "",
    debug: false,
    ...(options.writableLimit === undefined ? {} : { writableLimit: options.writableLimit }),
  };
}
