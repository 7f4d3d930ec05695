import type { Current, CurrentContainer } from "./current.ts";
import type { UpOptions } from "./stack.ts";
import type { Step, WaitFor } from "./step.ts";
import type { Target, TargetService } from "./target.ts";

export interface ServicePlanning {
  readonly target: Target;
  readonly current: Current;
  readonly options: Pick<UpOptions, "forceRecreate" | "removeOrphans" | "noStart" | "wait">;
  readonly steps: Step[];
  readonly changedNetworks: ReadonlySet<string>;
  /** Services of which a container is made or replaced. */
  readonly replaced: Set<string>;
  /** Per service: the steps after which its containers run (or, with noStart, are there), and their names. */
  readonly started: Map<
    string,
    { readonly after: readonly string[]; readonly containers: readonly string[] }
  >;
}

/** Plans one service; those it depends on have been planned. */
export function planService(planning: ServicePlanning, service: TargetService): void {
  const before = [...prerequisites(planning, service), ...stopDependents(planning, service)];
  const all = planning.current.containers.filter((one) => one.service === service.name);
  const gone = all.filter((one) => one.networks.some((name) => planning.changedNetworks.has(name)));
  const left = settleLeftovers(
    planning,
    all.filter((one) => !gone.includes(one)),
  );
  const kept = left.slice(0, Math.max(0, service.replicas - gone.length));
  for (const old of left.filter((one) => !kept.includes(one))) {
    const reason = service.replicas === 1 ? "one is wanted" : `${service.replicas} are wanted`;
    planning.steps.push({ id: `remove ${old.id}`, after: [], kind: "remove-container", old, reason });
  }
  const starts: Starts = { planning, service, before, after: [], containers: [] };
  planKept(starts, kept);
  planNew(starts, kept, gone);
  planning.started.set(service.name, starts);
}

interface Starts {
  readonly planning: ServicePlanning;
  readonly service: TargetService;
  readonly before: readonly string[];
  readonly after: string[];
  readonly containers: string[];
}

/** The container is there after the step `made` (or already, without one); adds its start where one is needed. */
function addStart(starts: Starts, name: string, made: string | undefined, isRunning: boolean): void {
  const { planning, service, before, after, containers } = starts;
  containers.push(name);
  if (made !== undefined) after.push(made);
  if (planning.options.noStart || isRunning) return;
  const id = `start ${name}`;
  const first = made === undefined ? before : [...before, made];
  planning.steps.push({ id, after: first, kind: "start-container", service: service.name, name });
  after.push(id);
}

function planKept(starts: Starts, kept: readonly CurrentContainer[]): void {
  const { planning, service, before } = starts;
  let previous: string[] = [];
  for (const old of kept) {
    const renamed = old.replaces === undefined ? undefined : `rename ${old.id}`;
    const reason = recreateReason(planning, service, old);
    if (reason === undefined) {
      addStart(starts, old.replaces ?? old.name, renamed, old.running && !isStopped(planning, old));
      continue;
    }
    const name = containerName(planning.target.project, service, old.number);
    const id = `replace ${name}`;
    // One after the other, so that a service with several containers never stands still as a whole.
    const after = [...before, ...previous, ...(renamed === undefined ? [] : [renamed])];
    const { number } = old;
    planning.steps.push({ id, after, kind: "recreate-container", service, number, name, old, reason });
    planning.replaced.add(service.name);
    addStart(starts, name, id, false);
    previous = [starts.after.at(-1)!];
  }
}

function planNew(starts: Starts, kept: readonly CurrentContainer[], gone: readonly CurrentContainer[]): void {
  const { planning, service, before } = starts;
  const taken = new Set(kept.map((one) => one.number));
  const inherited = gone.map((one) => one.anonymous);
  const after = [...before, ...gone.map((one) => `remove ${one.id}`)];
  for (let number = 1; starts.containers.length < service.replicas; number++) {
    if (taken.has(number)) continue;
    const name = containerName(planning.target.project, service, number);
    const id = `create ${name}`;
    const inherit = inherited.shift() ?? [];
    planning.steps.push({ id, after, kind: "create-container", service, number, name, inherit });
    planning.replaced.add(service.name);
    addStart(starts, name, id, false);
  }
}

export function containerName(project: string, service: TargetService, number: number): string {
  return service.containerName ?? `${project}-${service.name}-${number}`;
}

/** Removes or renames what an interrupted update left; returns the containers to go on with. */
function settleLeftovers(planning: ServicePlanning, all: readonly CurrentContainer[]): CurrentContainer[] {
  const { steps } = planning;
  return all.filter((one) => {
    if (one.replaces === undefined) return true;
    if (all.some((other) => other.name === one.replaces)) {
      steps.push({
        id: `remove ${one.id}`,
        after: [],
        kind: "remove-container",
        old: one,
        reason: "left by an interrupted update",
      });
      return false;
    }
    steps.push({ id: `rename ${one.id}`, after: [], kind: "rename-container", old: one, name: one.replaces });
    return true;
  });
}

function recreateReason(
  planning: ServicePlanning,
  service: TargetService,
  old: CurrentContainer,
): string | undefined {
  const image = planning.current.images.get(service.image);
  if (planning.options.forceRecreate) return "asked for";
  if (old.dead) return "its removal failed half-way";
  if (old.hash !== service.hash) return "its configuration has changed";
  if (image !== undefined && image !== old.imageId) return "its image has changed";
  const shared = service.shares.find((name) => planning.replaced.has(name));
  if (shared !== undefined) return `it shares with ${shared}, which is replaced`;
  return undefined;
}

/** Steps that must have ended before a service's containers are touched. */
function prerequisites(planning: ServicePlanning, service: TargetService): string[] {
  const { target, steps } = planning;
  const made = new Set(steps.map((step) => step.id));
  const parts = [
    ...service.networks.map((name) => `network ${name}`),
    ...target.volumes.map((volume) => `volume ${volume.name}`),
  ].filter((id) => made.has(id));
  const shared = service.shares.flatMap((name) => planning.started.get(name)?.after ?? []);
  const dependencies = Object.entries(service.dependsOn).flatMap(([name, { condition, required }]) => {
    const started = planning.started.get(name);
    if (!started) return [];
    if (condition === "service_started" || planning.options.noStart) return started.after;
    return [...started.after, waitStep(planning, name, condition, required, started)];
  });
  return [...new Set([...parts, ...shared, ...dependencies])];
}

function waitStep(
  { steps }: ServicePlanning,
  service: string,
  condition: WaitFor,
  required: boolean,
  started: { readonly after: readonly string[]; readonly containers: readonly string[] },
): string {
  const id = `wait ${service} ${condition}${required ? "" : " if possible"}`;
  if (!steps.some((step) => step.id === id)) {
    steps.push({
      id,
      after: started.after,
      kind: "wait",
      service,
      containers: started.containers,
      condition,
      required,
    });
  }
  return id;
}

/** `restart: true`: who depends on a service that is replaced stops before, and starts again after. */
function stopDependents(planning: ServicePlanning, service: TargetService): string[] {
  const { current, target, steps, options } = planning;
  const isReplaced = current.containers.some(
    (old) =>
      old.service === service.name &&
      old.replaces === undefined &&
      recreateReason(planning, service, old) !== undefined,
  );
  if (!isReplaced || options.noStart) return [];
  const dependents = target.services.filter((one) => one.dependsOn[service.name]?.restart);
  const ids: string[] = [];
  for (const old of current.containers) {
    if (!old.running || !dependents.some((one) => one.name === old.service)) continue;
    const id = `stop ${old.id}`;
    if (!steps.some((step) => step.id === id)) {
      steps.push({ id, after: [], kind: "stop-container", old, reason: `${service.name} is replaced` });
    }
    ids.push(id);
  }
  return ids;
}

function isStopped({ steps }: ServicePlanning, old: CurrentContainer): boolean {
  return steps.some((step) => step.id === `stop ${old.id}`);
}
