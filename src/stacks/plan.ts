import { fail } from "../base/index.ts";
import type { Current, CurrentContainer } from "./current.ts";
import { stackLabels } from "./labels.ts";
import { planService, type ServicePlanning } from "./plan-service.ts";
import type { Step } from "./step.ts";
import type { UpOptions } from "./stack.ts";
import type { Target, TargetNetwork, TargetService } from "./target.ts";

export interface Plan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

type ImageOptions = Pick<UpOptions, "build">;
type PartOptions = Pick<UpOptions, "forceRecreate" | "removeOrphans" | "noStart" | "wait">;

/** The images to build and to get. Pure. Throws `precondition` / `stack.image-missing` when building is off. */
export function planImages(target: Target, current: Current, options: ImageOptions): Step[] {
  const steps = new Map<string, Step>();
  for (const service of target.services) {
    const { image, source } = service;
    for (const mounted of mountedImages(service)) {
      const id = `image ${mounted}`;
      if (current.images.has(mounted) || steps.has(id)) continue;
      const pulled = { ...service, image: mounted, source: { kind: "pull", policy: "missing" } as const };
      steps.set(id, { id, after: [], kind: "pull-image", service: pulled });
    }
    const isThere = current.images.has(image);
    const id = `image ${image}`;
    if (source.kind === "pull") {
      if (isThere && source.policy !== "always") continue;
      // Two services may name one image, of which another one is the builder.
      if (!steps.has(id)) steps.set(id, { id, after: [], kind: "pull-image", service });
      continue;
    }
    const isAsked = options.build === "always" || source.always;
    if (isThere && !isAsked) continue;
    if (options.build === "never") {
      if (isThere) continue;
      throw fail(
        "precondition",
        "stack.image-missing",
        `service '${service.name}': there is no image ${image}, and building is off`,
        {
          hint: "run up without --no-build",
        },
      );
    }
    steps.set(id, {
      id,
      after: [],
      kind: "build-image",
      service,
      reason: isThere ? "asked for" : "it is missing",
    });
  }
  return [...steps.values()];
}

/** Images whose files a service mounts. */
export function mountedImages({ spec }: Pick<TargetService, "spec">): string[] {
  return (spec.mounts ?? []).flatMap((mount) => (mount.type === "image" ? [mount.source] : []));
}

/**
 * Everything after the images: networks, volumes and containers. Pure. `current.images` tells the images as they are
 * now; a service whose image is not known yet is compared without it. Throws `conflict` for networks and volumes of
 * others, and for changes that would lose data.
 */
export function planParts(target: Target, current: Current, options: PartOptions): Plan {
  const warnings = [...target.warnings];
  const steps: Step[] = [];
  const changed = planNetworks(target, current, steps);
  planVolumes(target, current, steps, warnings);
  const planning: ServicePlanning = {
    target,
    current,
    options,
    steps,
    changedNetworks: new Set(changed.map((network) => network.name)),
    replaced: new Set(),
    started: new Map(),
  };
  planRemovalsForNetworks(planning, changed);
  for (const service of target.services) planService(planning, service);
  planOrphans(planning, warnings);
  if (options.wait !== false && !options.noStart) planFinalWaits(planning);
  return { steps, warnings };
}

function planNetworks(target: Target, current: Current, steps: Step[]): TargetNetwork[] {
  const changed: TargetNetwork[] = [];
  for (const network of target.networks) {
    const existing = current.networks.find((one) => one.name === network.name);
    if (network.external) {
      if (existing) continue;
      throw fail("not-found", "stack.external-missing", `the external network ${network.name} is not there`, {
        hint: `make it first: virga network create ${network.name}`,
      });
    }
    const id = `network ${network.name}`;
    if (!existing) {
      steps.push({ id, after: [], kind: "create-network", network });
      continue;
    }
    if (existing.labels[stackLabels.project] !== target.project) {
      throw fail(
        "conflict",
        "stack.foreign-network",
        `the network ${network.name} is there and is not this stack's`,
        {
          hint: `say 'external: true' to use it, or give this one another 'name'`,
        },
      );
    }
    if (existing.labels[stackLabels.configHash] !== network.hash) changed.push(network);
  }
  return changed;
}

function planVolumes(target: Target, current: Current, steps: Step[], warnings: string[]): void {
  for (const volume of target.volumes) {
    const existing = current.volumes.find((one) => one.name === volume.name);
    if (!existing && volume.external) {
      throw fail("not-found", "stack.external-missing", `the external volume ${volume.name} is not there`, {
        hint: `make it first: virga volume create ${volume.name}`,
      });
    }
    if (!existing) {
      steps.push({ id: `volume ${volume.name}`, after: [], kind: "create-volume", volume });
      continue;
    }
    if (volume.external) continue;
    const hash = existing.labels[stackLabels.configHash];
    if (existing.labels[stackLabels.project] !== target.project) {
      warnings.push(
        `the volume ${volume.name} was there before and is not this stack's; it is used, and 'down' leaves it alone (say 'external: true')`,
      );
    } else if (hash !== undefined && hash !== volume.hash) {
      throw fail(
        "conflict",
        "stack.volume-changed",
        `the volume ${volume.name} exists with another driver or other options; changing it would lose its data`,
        {
          hint: `put the options back, give it another 'name', or save its data and remove it: virga volume rm ${volume.name}`,
        },
      );
    }
  }
}

/** A network's definition changed: every container on it goes, then the network, and both come back. */
function planRemovalsForNetworks(planning: ServicePlanning, changed: readonly TargetNetwork[]): void {
  const { target, current, steps } = planning;
  for (const network of changed) {
    const users = current.containers.filter((one) => one.networks.includes(network.name));
    const outside = users.find((one) => !target.services.some((service) => service.name === one.service));
    if (outside) {
      throw fail(
        "conflict",
        "stack.network-changed",
        `the network ${network.name} has changed, and container ${outside.name} of service '${outside.service}', which this command leaves alone, is on it`,
        {
          hint: "run up for all services, with --remove-orphans if that service is no longer in the file",
        },
      );
    }
    const reason = `network ${network.name} has changed`;
    for (const old of users) pushRemoval(planning, old, reason);
    const id = `remove network ${network.name}`;
    steps.push({
      id,
      after: users.map(removalId),
      kind: "remove-network",
      name: network.name,
      reason: "it has changed",
    });
    steps.push({ id: `network ${network.name}`, after: [id], kind: "create-network", network });
  }
}

/** Removes a container after those that depend on it. */
function pushRemoval(planning: ServicePlanning, old: CurrentContainer, reason: string): void {
  const { current, steps, changedNetworks } = planning;
  const id = removalId(old);
  if (steps.some((step) => step.id === id)) return;
  const dependents = current.containers.filter(
    (one) => one.dependsOn.includes(old.service) && one.networks.some((name) => changedNetworks.has(name)),
  );
  steps.push({ id, after: dependents.map(removalId), kind: "remove-container", old, reason });
}

export function removalId(old: CurrentContainer): string {
  return `remove ${old.id}`;
}

function planOrphans(planning: ServicePlanning, warnings: string[]): void {
  const { target, current, options, steps } = planning;
  const orphans = current.containers.filter((one) => !target.knownServices.includes(one.service));
  if (orphans.length === 0) return;
  if (!options.removeOrphans) {
    const names = orphans.map((one) => one.name).join(", ");
    warnings.push(
      `containers of services that are not in the file: ${names} (--remove-orphans removes them)`,
    );
    return;
  }
  for (const old of orphans) {
    steps.push({
      id: removalId(old),
      after: [],
      kind: "remove-container",
      old,
      reason: `service '${old.service}' is not in the file`,
    });
  }
}

function planFinalWaits({ target, started, steps }: ServicePlanning): void {
  for (const { name } of target.services) {
    const { after = [], containers = [] } = started.get(name) ?? {};
    if (containers.length === 0) continue;
    // After the waits of those that depend on it, so that a failure is told as theirs.
    const waits = steps
      .filter((step) => step.kind === "wait" && step.service === name)
      .map((step) => step.id);
    const dependencies = target.services.flatMap((service) => service.dependsOn[name] ?? []);
    const required = dependencies.length === 0 || dependencies.some((one) => one.required);
    const condition = "running_or_healthy";
    const id = `wait ${name} ${condition}`;
    steps.push({
      id,
      after: [...after, ...waits],
      kind: "wait",
      service: name,
      containers,
      condition,
      required,
    });
  }
}
