import {
  fail,
  KeyedLock,
  messageOf,
  suggestion,
  type Clock,
  type Logger,
  type Report,
} from "../base/index.ts";
import type { Builds } from "../builds/index.ts";
import type { Containers } from "../containers/index.ts";
import type { Events } from "../events/index.ts";
import type { Images } from "../images/index.ts";
import type { Networks } from "../networks/index.ts";
import type { Volumes } from "../volumes/index.ts";
import { applySteps } from "./apply.ts";
import type { Applying } from "./applying.ts";
import { canonicalFile } from "./compose/canonical.ts";
import { readStack, readStackName } from "./compose/read.ts";
import { readCurrent, type Current, type CurrentContainer } from "./current.ts";
import { takeDown, type TakingDown } from "./down.ts";
import { mountedImages, planImages, planParts } from "./plan.ts";
import { stackLabels } from "./labels.ts";
import { createStackFiles, type StackFiles } from "./stack-files.ts";
import { stackLogs } from "./stack-logs.ts";
import type { DownOptions, Stacks, StackSource, StackStatus, UpOptions } from "./stack.ts";
import { listStacks, stackStatus } from "./status.ts";
import { noService } from "./select.ts";
import { describeStep, type Step } from "./step.ts";
import { makeTarget, type Target } from "./target.ts";

export interface StacksDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Events;
  readonly images: Pick<Images, "resolve" | "ensure" | "remove" | "list">;
  readonly networks: Pick<Networks, "create" | "remove" | "list">;
  readonly volumes: Pick<Volumes, "create" | "remove" | "list">;
  readonly containers: Pick<
    Containers,
    "create" | "start" | "stop" | "remove" | "rename" | "get" | "list" | "logs"
  >;
  readonly builds: Pick<Builds, "build">;
  /** Where the files of secrets and configs are kept: `ROOT/stacks`. */
  readonly directory: string;
  /** Addresses of this machine that others reach it by, for the URLs of ports published on all of them. */
  readonly hostAddresses?: () => readonly string[];
}

type Context = { readonly report: Report; readonly signal: AbortSignal };

export function createStacks(dependencies: StacksDependencies): Stacks {
  const { containers, events, logger } = dependencies;
  const files = createStackFiles(dependencies.directory);
  const locks = new KeyedLock();
  const nameOf = async (target: StackSource | { readonly name: string }) =>
    "name" in target ? target.name : await readStackName(target);
  /** Files may be there before their containers are; a mere name must be that of a stack. */
  const nameOfExisting = async (target: StackSource | { readonly name: string }) => {
    const name = await nameOf(target);
    const known = listStacks(containers).map((stack) => stack.name);
    if (!("name" in target) || known.includes(name)) return name;
    throw fail("not-found", "stack.not-found", `no such stack: ${name}${suggestion(name, known)}`, {
      hint:
        known.length === 0
          ? "there is no stack; make one with: virga up FOLDER"
          : `there are: ${known.join(", ")}`,
    });
  };
  const status = (name: string, warnings: readonly string[] = []) =>
    stackStatus(containers, name, dependencies.hostAddresses?.() ?? [], warnings);
  const service: Service = { dependencies, files, status };
  /** One command after the other changes a stack. */
  const alone = async <T>(name: string, { report, signal }: Context, work: () => Promise<T>) => {
    const task = `stack ${name}`;
    const isWaiting = locks.isHeld(name);
    if (isWaiting) report({ task, message: "Waiting for another command that changes it" });
    using _lock = await locks.acquire(name, signal);
    if (isWaiting) report({ task, message: "The other command has ended", outcome: "done" });
    return await work();
  };
  return {
    async up(source, options, context) {
      const target = await readTarget(service, source, options);
      return await alone(target.project, context, async () => {
        const result = await bringUp(service, target, options, context);
        events.emit("stack", "up", target.project, { name: target.project });
        logger.info("stack is up", { stack: target.project, services: target.services.length });
        return result;
      });
    },
    async down(target, options, context) {
      const name = await nameOf(target);
      await alone(name, context, async () => {
        await bringDown(service, name, target, options, context);
        events.emit("stack", "down", name, { name });
        logger.info("stack is down", { stack: name });
      });
    },
    async plan(source, options) {
      return describePlan(service, await readTarget(service, source, options), options);
    },
    config: async (source) => canonicalFile(await readStack(source)),
    status: async (target) => status(await nameOfExisting(target)),
    list: () => listStacks(containers),
    async *logs(target, options, signal) {
      const name = await nameOfExisting(target);
      await requireServices(status(name), target, options.services);
      yield* stackLogs(dependencies, name, options, signal);
    },
  };
}

/** Throws `not-found` / `stack.no-service` for a name that neither the stack nor its files have. */
async function requireServices(
  { services }: StackStatus,
  target: StackSource | { readonly name: string },
  wanted: readonly string[],
): Promise<void> {
  const known = new Set(services.map((one) => one.service));
  if (wanted.every((name) => known.has(name))) return;
  if (!("name" in target))
    for (const name of Object.keys((await readStack(target)).services)) known.add(name);
  for (const name of wanted) if (!known.has(name)) throw noService(name, [...known]);
}

interface Service {
  readonly dependencies: StacksDependencies;
  readonly files: StackFiles;
  readonly status: (name: string, warnings?: readonly string[]) => StackStatus;
}

async function readTarget({ files }: Service, source: StackSource, options: UpOptions): Promise<Target> {
  return await makeTarget(await readStack(source), options, files);
}

function currentOf({ dependencies }: Service, target: Target): Current {
  return readCurrent(
    dependencies,
    target.project,
    target.services.flatMap((one) => [one.image, ...mountedImages(one)]),
  );
}

async function bringUp(
  service: Service,
  target: Target,
  options: UpOptions,
  context: Parameters<Stacks["up"]>[2],
): Promise<StackStatus> {
  const { report, signal, credentials } = context;
  const { warn, warnings } = createWarner(report);
  const before = currentOf(service, target);
  // Made before anything is changed: it also finds conflicts with what is there.
  const images = planImages(target, before, options);
  planParts(target, before, options);
  const applying = {
    ...applyingOf(service, target.project, report, warn),
    ...(credentials ? { credentials } : {}),
  };
  await applySteps(applying, images, signal);
  const { steps, warnings: planned } = planParts(target, currentOf(service, target), options);
  for (const warning of planned) warn(warning);
  await applySteps(applying, steps, signal);
  tellUnchanged(target, steps, report);
  await pruneFiles(service, target.project);
  return service.status(target.project, warnings);
}

function applyingOf(
  service: Service,
  project: string,
  report: Report,
  warn: (message: string) => void,
): Applying & TakingDown {
  const { clock, images, builds, networks, volumes, containers } = service.dependencies;
  return {
    project,
    clock,
    images,
    builds,
    networks,
    volumes,
    containers,
    files: service.files,
    report,
    warn,
  };
}

function tellUnchanged(target: Target, steps: readonly Step[], report: Report): void {
  const touched = new Set(
    steps.flatMap((step) =>
      "service" in step ? [typeof step.service === "string" ? step.service : step.service.name] : [],
    ),
  );
  for (const { name } of target.services) {
    if (!touched.has(name)) report({ task: `service ${name}`, message: "Unchanged", outcome: "skipped" });
  }
}

/** Files of secrets and configs that no container of the stack mounts any more. */
async function pruneFiles({ dependencies, files }: Service, project: string): Promise<void> {
  const used = dependencies.containers
    .list()
    .flatMap((container) =>
      container.mounts.flatMap((mount) => (mount.type === "bind" ? [mount.source] : [])),
    );
  await files.prune(project, new Set(used));
}

function describePlan(service: Service, target: Target, options: UpOptions): readonly string[] {
  const current = currentOf(service, target);
  const images = planImages(target, current, options);
  const { steps, warnings } = planParts(target, current, options);
  const all = [...images, ...steps];
  const changes = all.some((step) => step.kind !== "wait");
  const lines = changes ? all.flatMap((step) => describeStep(step) ?? []) : [];
  const replaced = new Set(
    steps.flatMap((step) => (step.kind === "recreate-container" ? [step.old.id] : [])),
  );
  for (const step of images) {
    if (step.kind !== "build-image" && step.kind !== "pull-image") continue;
    const { image } = step.service;
    const users = target.services.filter((one) => one.image === image).map((one) => one.name);
    for (const old of current.containers) {
      if (!users.includes(old.service) || replaced.has(old.id)) continue;
      lines.push(
        `replace container ${old.name}, which stops for a moment, if its image turns out to be another one`,
      );
    }
  }
  const told = lines.length === 0 ? ["nothing: everything is as the files say"] : lines;
  return [...told, ...warnings.map((warning) => `warning: ${warning}`)];
}

async function bringDown(
  service: Service,
  name: string,
  target: StackSource | { readonly name: string },
  options: DownOptions,
  { report, signal }: Context,
): Promise<void> {
  const { warn } = createWarner(report);
  const current = readCurrent(service.dependencies, name, []);
  const leaving =
    "name" in target ? current.containers : await withoutOrphans(target, current, options, warn);
  const applying: TakingDown = {
    ...applyingOf(service, name, report, warn),
    removeVolumes: options.volumes ?? false,
    ...(options.timeout === undefined ? {} : { stopTimeout: options.timeout }),
  };
  if (leaving.length === 0 && !hasParts(current, name)) {
    report({ task: `stack ${name}`, message: "Nothing of it is there", outcome: "skipped" });
  }
  await takeDown(applying, current, leaving, options, signal);
  await pruneFiles(service, name);
}

function hasParts(current: Current, name: string): boolean {
  return [...current.networks, ...current.volumes].some((one) => one.labels[stackLabels.project] === name);
}

/** Tells each warning once, on a line of its own, and keeps them. */
function createWarner(report: Report): {
  readonly warn: (message: string) => void;
  readonly warnings: readonly string[];
} {
  const warnings: string[] = [];
  const warn = (message: string) => {
    if (warnings.includes(message)) return;
    warnings.push(message);
    const number = warnings.length === 1 ? "" : ` ${warnings.length}`;
    report({ task: `warning${number}`, message, outcome: "warning" });
  };
  return { warn, warnings };
}

/** The containers that `down` takes: all, unless the file can be read and does not know some of them. */
async function withoutOrphans(
  source: StackSource,
  current: Current,
  options: DownOptions,
  warn: (message: string) => void,
): Promise<readonly CurrentContainer[]> {
  if (options.removeOrphans) return current.containers;
  let known: readonly string[];
  try {
    known = Object.keys((await readStack(source)).services);
  } catch (error) {
    warn(`the file has problems, so everything with the stack's name is taken down: ${messageOf(error)}`);
    return current.containers;
  }
  const orphans = current.containers.filter((one) => !known.includes(one.service));
  if (orphans.length > 0) {
    const names = orphans.map((one) => one.name).join(", ");
    warn(`containers of services that are not in the file stay: ${names} (--remove-orphans removes them)`);
  }
  return current.containers.filter((one) => known.includes(one.service));
}
